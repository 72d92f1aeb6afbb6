// Certificates made on the spot, and the files they are loaded from.
#pragma once
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace sluice::tls {

struct X509Free {
  void operator()(X509* c) const { X509_free(c); }
};
struct KeyFree {
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
};

struct Certificate {
  std::unique_ptr<X509, X509Free> x509;
  std::unique_ptr<EVP_PKEY, KeyFree> key;
};

struct Request {
  std::vector<std::pair<int, std::string>> subject;  ///< (NID, value); a value may hold any byte.
  std::string names;                                 ///< As in OpenSSL's configuration: "DNS:a,IP:127.0.0.1".
  std::string raw_uri;                               ///< A URI name with any byte; instead of `names`.
  const EVP_MD* digest = EVP_sha256();
  bool authority = false;
  bool expired = false;
};

inline void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  SLUICE_ASSERT(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

inline void add_raw_uri(X509* certificate, const std::string& uri) {
  GENERAL_NAMES* names = sk_GENERAL_NAME_new_null();
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, uri.data(), static_cast<int>(uri.size()));
  GENERAL_NAME_set0_value(name, GEN_URI, text);
  sk_GENERAL_NAME_push(names, name);
  SLUICE_ASSERT(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1);
  GENERAL_NAMES_free(names);
}

/// Signed by `issuer`; null: by itself.
inline Certificate issue(const Request& request, const Certificate* issuer = nullptr) {
  static long serial = 1;
  Certificate made;
  made.key.reset(EVP_EC_gen("P-256"));
  made.x509.reset(X509_new());
  X509* x509 = made.x509.get();
  SLUICE_ASSERT(made.key != nullptr && x509 != nullptr);
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x509), -86400 * 2);
  X509_gmtime_adj(X509_getm_notAfter(x509), request.expired ? -86400 : 86400);
  X509_set_pubkey(x509, made.key.get());
  X509_NAME* subject = X509_get_subject_name(x509);
  for (const auto& [nid, value] : request.subject) {
    const auto* text = reinterpret_cast<const unsigned char*>(value.data());
    SLUICE_ASSERT(
        X509_NAME_add_entry_by_NID(subject, nid, V_ASN1_UTF8STRING, text, static_cast<int>(value.size()), -1, 0) == 1);
  }
  X509* signer = issuer != nullptr ? issuer->x509.get() : x509;
  X509_set_issuer_name(x509, X509_get_subject_name(signer));
  if (request.authority) add_extension(x509, signer, NID_basic_constraints, "critical,CA:TRUE");
  if (!request.names.empty()) add_extension(x509, signer, NID_subject_alt_name, request.names);
  if (!request.raw_uri.empty()) add_raw_uri(x509, request.raw_uri);
  EVP_PKEY* key = issuer != nullptr ? issuer->key.get() : made.key.get();
  SLUICE_ASSERT(X509_sign(x509, key, request.digest) > 0);
  return made;
}

/// A directory that goes away with it.
class CertificateFiles {
 public:
  CertificateFiles() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tls-XXXXXX").string();
    SLUICE_ASSERT(mkdtemp(pattern.data()) != nullptr);
    directory_ = pattern;
  }
  CertificateFiles(const CertificateFiles&) = delete;
  CertificateFiles& operator=(const CertificateFiles&) = delete;
  ~CertificateFiles() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  [[nodiscard]] std::string path(const std::string& name) const { return (directory_ / name).string(); }
  std::string certificate(const std::string& name, const Certificate& c) const {
    return save(name, [&](FILE* f) { PEM_write_X509(f, c.x509.get()); });
  }
  std::string key(const std::string& name, const Certificate& c) const {
    return save(name, [&](FILE* f) { PEM_write_PrivateKey(f, c.key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  }
  std::string text(const std::string& name, std::string_view text) const {
    return save(name, [&](FILE* f) { std::fwrite(text.data(), 1, text.size(), f); });
  }

 private:
  template <typename Write>
  std::string save(const std::string& name, Write&& write) const {
    const std::string at = path(name);
    FILE* file = std::fopen(at.c_str(), "w");
    SLUICE_ASSERT(file != nullptr);
    write(file);
    std::fclose(file);
    return at;
  }
  std::filesystem::path directory_;
};

}  // namespace sluice::tls
