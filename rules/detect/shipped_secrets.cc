// Keys, tokens and passwords, each led to by its fixed prefix, under gitleaks' names where it has one. Prefixes
// and lengths are what the issuers publish or their tokens show.
#include "rules/detect/shipped_types.h"

namespace sluice::rules {
namespace {

constexpr Trigger prefix(std::string_view expression, uint16_t size, Charset charset, uint16_t tail_min,
                         uint16_t tail_max, double entropy_min = 2.5, bool (*judge)(std::string_view) = nullptr) {
  // Every set is of visible bytes, and no prefix has a blank.
  const Mark mark = size + tail_min >= token_size_min ? Mark::Token : Mark::Anywhere;
  return {expression, false, extend::prefixed, size, charset, tail_min, tail_max, entropy_min, judge, mark};
}

constexpr auto hex = Charset::Hex;
constexpr auto base62 = Charset::Base62;
constexpr auto word = Charset::Word;
constexpr auto base64 = Charset::Base64;
constexpr auto dotted = Charset::Dotted;

struct Row {
  std::string_view id;
  std::string_view aliases;
  Trigger trigger;
  std::string_view example;
  std::string_view negative;
  uint32_t size_min;
};

constexpr Row rows[] = {
    {"aws-access-token", "AWS_CREDENTIALS", prefix("A(?:KIA|SIA|BIA|CCA)", 4, base62, 16, 16, 2.5),
     "AKIA"
     "PIX6EA6QOM66ZJOJ",
     "AKIA"
     "PIX6EA6QOM66Z",
     20},
    {"gcp-api-key", "GCP_API_KEY", prefix("AIza", 4, word, 35, 35, 3),
     "AIza"
     "2n18K5c3YynsouHkC4H-RXtcrniqTh3ZKf4",
     "AIza"
     "2n18K5c3YynsouHkC4H-RXtcrniqTh3Z",
     39},
    {"github-pat", "AUTH_TOKEN", prefix("ghp_", 4, base62, 36, 36, 0, github_checksum),
     "ghp_"
     "1eraHI74UseU5Mp4Qv91IRnQt72cd73oCmpf",
     "ghp_"
     "1eraHI74UseU5Mp4Qv91IRnQt72cd73oCmpa",
     40},
    {"github-oauth", "", prefix("gho_", 4, base62, 36, 36, 0, github_checksum),
     "gho_"
     "6jbLZuxHWF2J046cY2yCQIdG9i2tL63qmIGY",
     "gho_"
     "6jbLZuxHWF2J046cY2yCQIdG9i2tL63qmIGa",
     40},
    {"github-app-token", "", prefix("gh[us]_", 4, base62, 36, 36, 0, github_checksum),
     "ghs_"
     "7z8vtOOTtXOftchZ6dypWHRekjFxJ50O9sc5",
     "ghs_"
     "7z8vtOOTtXOftchZ6dypWHRekjFxJ50O9sca",
     40},
    {"github-refresh-token", "", prefix("ghr_", 4, base62, 36, 36, 0, github_checksum),
     "ghr_"
     "8XJZL0oQbK1Odbe83eeLTMhwMcjHl10YpqRd",
     "ghr_"
     "8XJZL0oQbK1Odbe83eeLTMhwMcjHl10YpqRa",
     40},
    {"github-fine-grained-pat", "", prefix("github_pat_", 11, word, 82, 82, 3),
     "github_pat_"
     "872lWwceMkNelXcmD3GdSYUfNtCDfgSuLAhRvYSF4OeNZhAiGrbYxirbrq4q"
     "JP0ztS4wahT8aFV54Pt612",
     "github_pat_"
     "872lWwceMkNelXcmD3GdSYUfNtCDfgSuLAhRvYSF4OeNZhAiGrbYxirbrq4q"
     "JP0ztS4wahT8aFV54Pt",
     93},
    {"gitlab-pat", "", prefix("glpat-", 6, word, 20, 64, 3),
     "glpat-"
     "4LcU2q6EhGWz7jSPFFL5",
     "glpat-"
     "4LcU2q6EhGWz7jSPF",
     26},
    {"gitlab-ptt", "", prefix("glptt-", 6, hex, 40, 40, 3),
     "glptt-"
     "40fc1878d1fa0141312f12fa5a2bcc9b86ad340c",
     "glptt-"
     "40fc1878d1fa0141312f12fa5a2bcc9b86ad3",
     46},
    {"gitlab-runner-authentication-token", "", prefix("glrt-", 5, word, 20, 64, 3),
     "glrt-"
     "5AM5lwm5t6l-errw2VR2",
     "glrt-"
     "5AM5lwm5t6l-errw2",
     25},
    {"npm-access-token", "", prefix("npm_", 4, base62, 36, 36, 2),
     "npm_"
     "2pRER8u1xKNvZotG7Ti7yqkgsuXoOg6kKaY1",
     "npm_"
     "2pRER8u1xKNvZotG7Ti7yqkgsuXoOg6kK",
     40},
    {"pypi-upload-token", "", prefix("pypi-AgE", 8, word, 60, 1000, 3),
     "pypi-AgE"
     "5yIUn5BCmM3hF3EzacB4UDC7fN9UNVwoWloirAmUqKrzJpJKC-zuNHYPIeT7",
     "pypi-AgE"
     "5yIUn5BCmM3hF3EzacB4UDC7fN9UNVwoWloirAmUqKrzJpJKC-zuNHYPI",
     68},
    {"huggingface-access-token", "", prefix("hf_", 3, base62, 34, 34, 2.5),
     "hf_"
     "1csbbHuDJ1HUpOCBaNFKUnt9QiUicDTbr8",
     "hf_"
     "1csbbHuDJ1HUpOCBaNFKUnt9QiUicDT",
     37},
    {"digitalocean-pat", "", prefix("dop_v1_", 7, hex, 64, 64, 3),
     "dop_v1_"
     "2c1e77268768451851a5d2232891bea00aadcf26fc4a382d3e83bbe983a3"
     "fb19",
     "dop_v1_"
     "2c1e77268768451851a5d2232891bea00aadcf26fc4a382d3e83bbe983a3"
     "f",
     71},
    {"digitalocean-access-token", "", prefix("doo_v1_", 7, hex, 64, 64, 3),
     "doo_v1_"
     "545be334ad95ef95235cb388c141f87bace2bf34833356dc44c65568b90e"
     "dca9",
     "doo_v1_"
     "545be334ad95ef95235cb388c141f87bace2bf34833356dc44c65568b90e"
     "d",
     71},
    {"digitalocean-refresh-token", "", prefix("dor_v1_", 7, hex, 64, 64, 3),
     "dor_v1_"
     "f9f06037f5e6661e3944e210b72f0aaab4212a626d7fa31d265cff2d6f90"
     "eece",
     "dor_v1_"
     "f9f06037f5e6661e3944e210b72f0aaab4212a626d7fa31d265cff2d6f90"
     "e",
     71},
    {"databricks-api-token", "", prefix("dapi", 4, hex, 32, 34, 3),
     "dapi"
     "5e18bbebc7068b4e65605c50435ef510",
     "dapi12345", 36},
    {"shopify-access-token", "", prefix("shpat_", 6, hex, 32, 32, 2),
     "shpat_"
     "cead117c1cf0773cf65a3b3198e9f780",
     "shpat_"
     "cead117c1cf0773cf65a3b3198e9f",
     38},
    {"shopify-custom-access-token", "", prefix("shpca_", 6, hex, 32, 32, 2),
     "shpca_"
     "aba21d20302051f16a6fafb1c9c295d3",
     "shpca_"
     "aba21d20302051f16a6fafb1c9c29",
     38},
    {"shopify-private-app-access-token", "", prefix("shppa_", 6, hex, 32, 32, 2),
     "shppa_"
     "cac5cb5bde7efb85cf1450e23a711eea",
     "shppa_"
     "cac5cb5bde7efb85cf1450e23a711",
     38},
    {"shopify-shared-secret", "", prefix("shpss_", 6, hex, 32, 32, 2),
     "shpss_"
     "b026c3a93e267144037967da6e521303",
     "shpss_"
     "b026c3a93e267144037967da6e521",
     38},
    {"linear-api-key", "", prefix("lin_api_", 8, base62, 40, 40, 2),
     "lin_api_"
     "8CyvG56TPEqrhd6fVmgtiMPcgSn7IrycSqOD7Y05",
     "lin_api_"
     "8CyvG56TPEqrhd6fVmgtiMPcgSn7IrycSqOD7",
     48},
    {"grafana-service-account-token", "", prefix("glsa_", 5, word, 41, 41, 3),
     "glsa_"
     "59hiO_9ks8RVi7gUtuAWRfLQRxrlOqzqy4b2NC3J1",
     "glsa_"
     "59hiO_9ks8RVi7gUtuAWRfLQRxrlOqzqy4b2NC",
     46},
    {"grafana-cloud-api-token", "", prefix("glc_", 4, base64, 32, 400, 3),
     "glc_"
     "4y5OQZ+t4ixPaIDucqu9QJ+amlKtdxy6",
     "glc_"
     "4y5OQZ+t4ixPaIDucqu9QJ+amlKtd",
     36},
    {"slack-bot-token", "", prefix("xoxb-", 5, word, 30, 80, 2.5),
     "xoxb-"
     "1aa3xljcV11GJ2L60Qxjk4_NU1Zth2",
     "xoxb-"
     "1aa3xljcV11GJ2L60Qxjk4_NU1Z",
     35},
    {"slack-user-token", "", prefix("xox[pe]-", 5, word, 30, 160, 2.5),
     "xoxp-"
     "6vdXV-rXh53s4LVHqhHZ2L52_7wxr3",
     "xoxp-"
     "6vdXV-rXh53s4LVHqhHZ2L52_7w",
     35},
    {"slack-webhook-url", "", prefix("hooks\\.slack\\.com/services/", 25, base64, 43, 56, 3),
     "hooks.slack.com/services/"
     "7bN9HDqjuwZWvaJeH4q+TwY3eE+GZYDt9l4+vOdiNn6",
     "hooks.slack.com/services/"
     "7bN9HDqjuwZWvaJeH4q+TwY3eE+GZYDt9l4+vOdi",
     68},
    {"stripe-access-token", "", prefix("[sr]k_(?:live|test|prod)_", 8, base62, 10, 110, 2),
     "sk_live_"
     "73HDy2yKK5",
     "sk_live_abc", 18},
    {"square-access-token", "", prefix("EAAA", 4, word, 60, 60, 3),
     "EAAA"
     "64GrWqA-TPAEF0a8tYzxYb6MU_LIJMxo1Io6NMdOGI6JRmDtnN3ZDGEIbGn2",
     "EAAA"
     "64GrWqA-TPAEF0a8tYzxYb6MU_LIJMxo1Io6NMdOGI6JRmDtnN3ZDGEIb",
     64},
    {"sendgrid-api-token", "", prefix("SG\\.", 3, dotted, 66, 66, 2),
     "SG."
     "7O0lIzV8j_Dey2iuqxduJwnPbMcLeYPG67qME1KFplZBxufIRfwlejihacYN"
     "FShVa5",
     "SG."
     "7O0lIzV8j_Dey2iuqxduJwnPbMcLeYPG67qME1KFplZBxufIRfwlejihacYN"
     "FSh",
     69},
    {"twilio-api-key", "", prefix("SK[0-9a-f]", 3, hex, 31, 31, 3),
     "SK4"
     "e4fa5e12dd917cc62b61f3dcb09bbce",
     "SK4"
     "e4fa5e12dd917cc62b61f3dcb09b",
     34},
    {"anthropic-api-key", "", prefix("sk-ant-api03-", 13, word, 95, 95, 3),
     "sk-ant-api03-"
     "5lD-IfS0l80HAQftaP33eukRuhFmSyHdaOFMAt3im0_NyZHnQtctaCA8uf81"
     "fzsCgrSfPoB63UANTyoaiwTPchHkjeQv7t4",
     "sk-ant-api03-"
     "5lD-IfS0l80HAQftaP33eukRuhFmSyHdaOFMAt3im0_NyZHnQtctaCA8uf81"
     "fzsCgrSfPoB63UANTyoaiwTPchHkjeQv",
     108},
    {"anthropic-admin-api-key", "", prefix("sk-ant-admin01-", 15, word, 95, 95, 3),
     "sk-ant-admin01-"
     "3-RNDwFoReN4f-Vn7UpknSMaWiX6hEQScuMLVzQRkTMosMcul7Aw_2MYr-Sn"
     "_ipzMErhIfDiIczJvl-5iPBcafqb1siszl4",
     "sk-ant-admin01-"
     "3-RNDwFoReN4f-Vn7UpknSMaWiX6hEQScuMLVzQRkTMosMcul7Aw_2MYr-Sn"
     "_ipzMErhIfDiIczJvl-5iPBcafqb1sis",
     110},
    {"vault-service-token", "", prefix("hvs\\.", 4, word, 90, 200, 3.5),
     "hvs."
     "2bOnEfKe_MoxPqkD7zPLLFCFneoZ8zZeTXFREzltIXlNXPSVXihDCHASwgEf"
     "IL5_YHlusstWbYnJ54Lt0RGQlW5jP3",
     "hvs."
     "2bOnEfKe_MoxPqkD7zPLLFCFneoZ8zZeTXFREzltIXlNXPSVXihDCHASwgEf"
     "IL5_YHlusstWbYnJ54Lt0RGQlW5",
     94},
    {"vault-batch-token", "", prefix("hvb\\.", 4, word, 138, 300, 3.5),
     "hvb."
     "5R9_saJEhKXHBAHC0AowuXM08arL04hfkD5Rn1ufSuvU0iRTKroCoeEVbC3p"
     "3hSPwXmQsd8MvCaIuGdLSkbF9-8zVr212y07z16ibdy_cdGdBp5EOUAKoHLA"
     "c0-8k-Argotxh3fdz8",
     "hvb."
     "5R9_saJEhKXHBAHC0AowuXM08arL04hfkD5Rn1ufSuvU0iRTKroCoeEVbC3p"
     "3hSPwXmQsd8MvCaIuGdLSkbF9-8zVr212y07z16ibdy_cdGdBp5EOUAKoHLA"
     "c0-8k-Argotxh3f",
     142},
    {"1password-service-account-token", "", prefix("ops_eyJ", 7, base64, 250, 1000, 3.5),
     "ops_eyJ"
     "4WQjCXzrzPh7U6pUnNeCMvWtrhmt5kokoYSHTP3qDpzzmtPyo7K2OCHoEFDR"
     "bGstIKRs/eu3W2henRFaPAQnVSgTBgcRQo0cUIZ9WiQbJiRPEwsW7oXaPvQd"
     "iBDrpiUWFF3MeiLSf6Ee8qgb2+uuLz0FLlzZmPwmykk1gz/v1y9dNTEMMXeA"
     "k0Sg16mLDvi+1wtADBAPDZAg3Q6u4FRfucf1O1RtGiuqyHca9TLgunUebhiL"
     "bl9Nncwpt2",
     "ops_eyJ"
     "4WQjCXzrzPh7U6pUnNeCMvWtrhmt5kokoYSHTP3qDpzzmtPyo7K2OCHoEFDR"
     "bGstIKRs/eu3W2henRFaPAQnVSgTBgcRQo0cUIZ9WiQbJiRPEwsW7oXaPvQd"
     "iBDrpiUWFF3MeiLSf6Ee8qgb2+uuLz0FLlzZmPwmykk1gz/v1y9dNTEMMXeA"
     "k0Sg16mLDvi+1wtADBAPDZAg3Q6u4FRfucf1O1RtGiuqyHca9TLgunUebhiL"
     "bl9Nncw",
     257},
    {"age-secret-key", "", prefix("AGE-SECRET-KEY-1", 16, base62, 58, 58, 3),
     "AGE-SECRET-KEY-1"
     "4eM0ckNSy3ffTXgqcGduVYXlVnrlCsoJ5si4qVoSPjACsGj8zZwaG0BxC8",
     "AGE-SECRET-KEY-1"
     "4eM0ckNSy3ffTXgqcGduVYXlVnrlCsoJ5si4qVoSPjACsGj8zZwaG0B",
     74},
    {"postman-api-token", "", prefix("PMAK-", 5, word, 59, 59, 3),
     "PMAK-"
     "7FblOC0fuc_5ebMw-dyhU8P4k9i0M4yKfCLkUy71TeIaViimJwsp7xp2AY5",
     "PMAK-"
     "7FblOC0fuc_5ebMw-dyhU8P4k9i0M4yKfCLkUy71TeIaViimJwsp7xp2",
     64},
    {"pulumi-api-token", "", prefix("pul-", 4, hex, 40, 40, 2),
     "pul-"
     "b3053d1cd72d18b5dbd07b7cbb957b075f864fe5",
     "pul-"
     "b3053d1cd72d18b5dbd07b7cbb957b075f864",
     44},
    {"planetscale-password", "", prefix("pscale_pw_", 10, dotted, 32, 64, 3),
     "pscale_pw_"
     "4pWmoBQmDQkjXcmtJi9afZOOoRRTlXv2",
     "pscale_pw_"
     "4pWmoBQmDQkjXcmtJi9afZOOoRRTl",
     42},
    {"planetscale-api-token", "", prefix("pscale_tkn_", 11, dotted, 32, 64, 3),
     "pscale_tkn_"
     "6E2q4ddjGGWMynXUKzAOj1_7rtEoeqc7",
     "pscale_tkn_"
     "6E2q4ddjGGWMynXUKzAOj1_7rtEoe",
     43},
    {"new-relic-user-api-key", "", prefix("NRAK-", 5, base62, 27, 27, 2.5),
     "NRAK-"
     "6s4TC4hGSnk7GY4sFbYMHmeqFb7",
     "NRAK-"
     "6s4TC4hGSnk7GY4sFbYMHmeq",
     32},
    {"rubygems-api-token", "", prefix("rubygems_", 9, hex, 48, 48, 2),
     "rubygems_"
     "12046736b525ce03a6cd73122965e52b2f4477f8c179b255",
     "rubygems_"
     "12046736b525ce03a6cd73122965e52b2f4477f8c179b",
     57},
    {"doppler-api-token", "", prefix("dp\\.pt\\.", 6, base62, 43, 43, 2),
     "dp.pt."
     "4ed1S7noFu6sBr8ZzuKiDZnRx1I5SFWTF7PsaelcvA5",
     "dp.pt."
     "4ed1S7noFu6sBr8ZzuKiDZnRx1I5SFWTF7Psaelc",
     49},
    {"dynatrace-api-token", "", prefix("dt0c01\\.", 7, dotted, 89, 89, 3),
     "dt0c01."
     "8CGxq3nEUrLB9y3MUfgywb9Dj72je48MXF3ay0rn6WhJjQ8fcmJnWAR_Bnd9"
     "eVOSoxbIJ0UMwlroucpmcAeDAnsX5",
     "dt0c01."
     "8CGxq3nEUrLB9y3MUfgywb9Dj72je48MXF3ay0rn6WhJjQ8fcmJnWAR_Bnd9"
     "eVOSoxbIJ0UMwlroucpmcAeDAn",
     96},
    {"easypost-api-token", "", prefix("EZAK", 4, base62, 54, 54, 2),
     "EZAK"
     "76ETrajdtUAt6bOjVDjSJ1lubIhoI48buCk22UQXOdpOtxRo09m0O8",
     "EZAK"
     "76ETrajdtUAt6bOjVDjSJ1lubIhoI48buCk22UQXOdpOtxRo09m",
     58},
    {"prefect-api-token", "", prefix("pnu_", 4, base62, 36, 36, 2),
     "pnu_"
     "16FBrihBfN7haMwfwywoleMe1JNe3frbHVL4",
     "pnu_"
     "16FBrihBfN7haMwfwywoleMe1JNe3frbH",
     40},
    {"readme-api-token", "", prefix("rdme_", 5, base62, 70, 70, 2),
     "rdme_"
     "6Ojjv2uGy05FqKbU4UeP0Os1JSxzvZ8gPF9RmW644t7Fs1FiKKSoZ2QEy4L7"
     "UftiFOBrr3",
     "rdme_"
     "6Ojjv2uGy05FqKbU4UeP0Os1JSxzvZ8gPF9RmW644t7Fs1FiKKSoZ2QEy4L7"
     "UftiFOB",
     75},
    {"sendinblue-api-token", "", prefix("xkeysib-", 8, word, 81, 81, 2),
     "xkeysib-"
     "3jlgCMuAhMiSBGycxbCo8OD9UWePMLEJPhfU9Mp1VZd6lwlgchuChOXzSvdP"
     "kDyE-NhJ6g7Z0UclXMuG6",
     "xkeysib-"
     "3jlgCMuAhMiSBGycxbCo8OD9UWePMLEJPhfU9Mp1VZd6lwlgchuChOXzSvdP"
     "kDyE-NhJ6g7Z0UclXM",
     89},
    {"shippo-api-token", "", prefix("shippo_live_", 12, hex, 40, 40, 2),
     "shippo_live_"
     "b69ad2d738340fe8a969c203d245e78ad1c70c89",
     "shippo_live_"
     "b69ad2d738340fe8a969c203d245e78ad1c70",
     52},
    {"typeform-api-token", "", prefix("tfp_", 4, dotted, 59, 59, 2),
     "tfp_"
     "6WKj2SAMGR9r1uqyUBfXi3RUvy2-xhLhBi3WtuelC3WICbubv_AZb6jsZS3",
     "tfp_"
     "6WKj2SAMGR9r1uqyUBfXi3RUvy2-xhLhBi3WtuelC3WICbubv_AZb6js",
     63},
    {"artifactory-api-key", "", prefix("AKCp", 4, base62, 69, 69, 3),
     "AKCp"
     "2uFUDZN4e01ZVcRIgbqkPicOHNTjeb3rWRW6BbF9qKM4CIWXmPGMyKjD0W1c"
     "S5KbfJrR3",
     "AKCp"
     "2uFUDZN4e01ZVcRIgbqkPicOHNTjeb3rWRW6BbF9qKM4CIWXmPGMyKjD0W1c"
     "S5KbfJ",
     73},
    {"clojars-api-token", "", prefix("CLOJARS_", 8, base62, 60, 60, 2),
     "CLOJARS_"
     "4bi7Mq7Bu8wdokebCZChTfrszsVJvDgYKbJMetosMhaYfilCNpN8IvwewHk7",
     "CLOJARS_"
     "4bi7Mq7Bu8wdokebCZChTfrszsVJvDgYKbJMetosMhaYfilCNpN8Ivwew",
     68},
    {"frameio-api-token", "", prefix("fio-u-", 6, word, 64, 64, 2),
     "fio-u-"
     "1kxwCA1suvujbxj4WKF6B6alvxe00QdwcmTfpjP-UORG8XwcHyFrmxbU5_BX"
     "9Um8",
     "fio-u-"
     "1kxwCA1suvujbxj4WKF6B6alvxe00QdwcmTfpjP-UORG8XwcHyFrmxbU5_BX"
     "9",
     70},
    {"sentry-user-token", "", prefix("sntryu_", 7, hex, 64, 64, 3),
     "sntryu_"
     "4c13ffda19308b873b2f82ce209aaac49b87e34b7b2b696402c316fdbb7c"
     "2dc6",
     "sntryu_"
     "4c13ffda19308b873b2f82ce209aaac49b87e34b7b2b696402c316fdbb7c"
     "2",
     71},
    {"jwt",
     "JSON_WEB_TOKEN",
     {.expression = "eyJ", .any_case = false, .extend = extend::jwt, .prefix_size = 0, .mark = Mark::Token},
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODk"
     "wIiwibmFtZSI6IkEifQ.8RnyP0ll57heDQxOYfkistpNmXo-b29uCCEl_WYR"
     "Cz5",
     "eyJmb28iOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODk"
     "wIiwibmFtZSI6IkEifQ.1-21OUskvJealPLX0qB9NnfSo45XV5gD9ahRyDyY"
     "9P3",
     30},
    {"private-key",
     "ENCRYPTION_KEY|OPENSSH_PRIVATE_KEY",
     {.expression = "PRIVATE KEY(?: BLOCK)?-----",
      .any_case = false,
      .extend = extend::private_key,
      .prefix_size = 0,
      .mark = Mark::Dashes},
     "-----BEGIN "
     "RSA PRIVATE KEY-----"
     "1Ro9D3nu3ZySIkufwZlqo6pwClG2YPNBXHzVYFLaM2b+Po2yPXw9vmbh+RlE"
     "TAB8QtCRUMLd9MacJvl1"
     "-----END "
     "RSA PRIVATE KEY-----",
     "-----BEGIN "
     "RSA PRIVATE KEY-----MII",
     80},
    {"postgres_connection_string",
     "",
     {.expression = "postgres(?:ql)?://", .any_case = false, .extend = extend::url_password, .prefix_size = 0, .mark = Mark::Scheme},
     "postgres://app:s3cr3tpw@db.example.com:5432/app",
     "postgres://db.example.com/app|postgres://app:password@db.example.com/app",
     18},
    {"mysql_connection_string",
     "",
     {.expression = "(?:mysql|mariadb)://", .any_case = false, .extend = extend::url_password, .prefix_size = 0, .mark = Mark::Scheme},
     "mysql://app:s3cr3tpw@db.example.com/app",
     "mysql://db.example.com/app",
     14},
    {"mongodb_connection_string",
     "",
     {.expression = "mongodb(?:\\+srv)?://", .any_case = false, .extend = extend::url_password, .prefix_size = 0, .mark = Mark::Scheme},
     "mongodb+srv://app:s3cr3tpw@db.example.com/app",
     "mongodb://db.example.com/app",
     16},
    {"redis_connection_string",
     "",
     {.expression = "rediss?://", .any_case = false, .extend = extend::url_password, .prefix_size = 0, .mark = Mark::Scheme},
     "redis://app:s3cr3tpw@cache.example.com:6379",
     "redis://cache.example.com:6379",
     14},
    {"amqp_connection_string",
     "",
     {.expression = "amqps?://", .any_case = false, .extend = extend::url_password, .prefix_size = 0, .mark = Mark::Scheme},
     "amqp://app:s3cr3tpw@queue.example.com",
     "amqp://queue.example.com",
     13},
    {"http_password_url",
     "URL_CREDENTIALS",
     {.expression = "https?://", .any_case = false, .extend = extend::url_password, .prefix_size = 0, .mark = Mark::Scheme},
     "https://app:s3cr3tpw@example.com/x",
     "https://example.com:8080/a@b|https://app:password@example.com/x",
     14},
    {"http_basic_authentication_header",
     "BASIC_AUTH_HEADER|HTTP_BASIC_AUTH_HEADER",
     {.expression = "authorization: ?basic ", .any_case = true, .extend = extend::basic_auth, .prefix_size = 0, .mark = Mark::Header},
     "Authorization: Basic "
     "YWxpY2U6b3BlbnNlc2FtZTE=",
     "Authorization: Basic notbase64%",
     8},
    {"http_bearer_authentication_header",
     "",
     {.expression = "authorization: ?bearer ", .any_case = true, .extend = extend::bearer_auth, .prefix_size = 0, .mark = Mark::Header},
     "Authorization: Bearer "
     "2CvksyqdMaSLYsodJOW2Zhr1Mg0PPpu3",
     "Authorization: Bearer x",
     16},
    {"openai-api-key",
     "",
     {.expression = "T3BlbkFJ", .any_case = false, .extend = extend::openai_key, .prefix_size = 8, .mark = Mark::Token},
     "sk-"
     "1Ae98NH5dy6BTFbO6ms5"
     "T3BlbkFJ"
     "8CmmScjbJacl2iFHgfj8",
     "T3BlbkFJ",
     51},
    {"hashicorp-tf-api-token",
     "",
     {.expression = "\\.atlasv1\\.", .any_case = false, .extend = extend::terraform_token, .prefix_size = 9, .mark = Mark::Token},
     "7nvBKsZBaCcPB2"
     ".atlasv1."
     "5WYXSJiAsmEEywxUxWC2btBEPHLJIE1ICIiYqNWmYxvxROYhKkEkSPfCMmig"
     "9M32",
     ".atlasv1.abc",
     83},
    {"password-hash",
     "WEAK_PASSWORD_HASH",
     {.expression = "\\$(?:2[abxy]|argon2(?:id|i|d)|[56y])\\$|SCRAM-SHA-256\\$",
      .any_case = false,
      .extend = extend::password_hash,
      .prefix_size = 0, .mark = Mark::Token},
     "$2b$12$"
     "3GowvTv77ioD9edLCsDk1eHJsobDp1O92srvrfJLLBlSyNWGhhEe5",
     "$2b$12$abc",
     44},
};

constexpr auto specs = [] {
  std::array<DataTypeSpec, std::size(rows)> made{};
  for (size_t i = 0; i < made.size(); ++i) {
    const Row& row = rows[i];
    made[i] = {row.id, row.aliases, Pack::Secrets, Engine::Trigger, {},           nullptr,         &row.trigger,
               {},     false,       row.example,   row.negative,    row.size_min, secret_size_max, 4};
  }
  return made;
}();

}  // namespace

std::span<const DataTypeSpec> shipped_secrets() { return specs; }

}  // namespace sluice::rules
