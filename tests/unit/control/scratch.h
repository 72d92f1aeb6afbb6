// A folder of its own for a test, gone afterwards, and the files tests put there.
#pragma once
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace sluice::control {

class ScratchTest : public testing::Test {
 protected:
  ScratchTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    folder_ = name;
  }
  ~ScratchTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string path(std::string_view name) const { return folder_ + "/" + std::string(name); }
  std::string write(std::string_view name, std::string_view text, mode_t mode = 0600) const {
    const std::string at = path(name);
    std::ofstream(at, std::ios::binary | std::ios::trunc) << text;
    EXPECT_EQ(::chmod(at.c_str(), mode), 0);
    return at;
  }
  static std::string read(const std::string& at) {
    std::ostringstream out;
    out << std::ifstream(at, std::ios::binary).rdbuf();
    return out.str();
  }

  /// A self-signed certificate NAME.crt and its key NAME.key.
  void write_certificate(const std::string& name, mode_t key_mode = 0600) const {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME* subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(cert, subject);
    X509_sign(cert, key, EVP_sha256());
    FILE* file = std::fopen(path(name + ".crt").c_str(), "w");
    PEM_write_X509(file, cert);
    std::fclose(file);
    file = std::fopen(path(name + ".key").c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    EXPECT_EQ(::chmod(path(name + ".key").c_str(), key_mode), 0);
    X509_free(cert);
    EVP_PKEY_free(key);
  }

  std::string folder_;
};

}  // namespace sluice::control
