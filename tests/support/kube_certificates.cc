#include "support/kube_certificates.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace podwarp::test {
namespace {

template <typename Write>
std::string ToPem(const Write& write) {
  BIO* bio = BIO_new(BIO_s_mem());
  write(bio);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  return pem;
}

std::string ToPem(X509* certificate) {
  return ToPem([certificate](BIO* bio) { PEM_write_bio_X509(bio, certificate); });
}

void AddExtension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Not signed yet. Valid from an hour ago, whatever the clocks say, for a day.
X509* NewCertificate(const std::string& name, EVP_PKEY* key) {
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  unsigned char serial[8];
  RAND_bytes(serial, sizeof(serial));
  uint64_t number = 0;
  for (const unsigned char byte : serial) number = number << 8 | byte;
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), number >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

bool IsIpAddress(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

KubeAuthority::KubeAuthority() : key_(EVP_EC_gen("P-256")) {
  certificate_ = NewCertificate("test CA", key_);
  X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
  AddExtension(certificate_, certificate_, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate_, certificate_, NID_key_usage, "critical,keyCertSign");
  AddExtension(certificate_, certificate_, NID_subject_key_identifier, "hash");
  X509_sign(certificate_, key_, EVP_sha256());
}

KubeAuthority::~KubeAuthority() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

std::string KubeAuthority::certificate() const { return ToPem(certificate_); }

KubeAuthority::Issued KubeAuthority::IssueServer(const std::vector<std::string>& hosts) const {
  return Issue("test server", absl::StrJoin(hosts, ",", [](std::string* out, const auto& host) {
                 absl::StrAppend(out, IsIpAddress(host) ? "IP:" : "DNS:", host);
               }));
}

KubeAuthority::Issued KubeAuthority::IssueClient(const std::string& user) const {
  return Issue(user, "");
}

KubeAuthority::Issued KubeAuthority::Issue(const std::string& name,
                                           const std::string& alternative_names) const {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = NewCertificate(name, key);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate_));
  // By which it is known from others of the same name, as while one takes over from another.
  AddExtension(certificate, certificate_, NID_authority_key_identifier, "keyid");
  if (!alternative_names.empty()) {
    AddExtension(certificate, certificate_, NID_subject_alt_name, alternative_names);
  }
  X509_sign(certificate, key_, EVP_sha256());
  Issued issued;
  issued.certificate = ToPem(certificate);
  issued.key = ToPem([key](BIO* bio) {
    PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  X509_free(certificate);
  EVP_PKEY_free(key);
  return issued;
}

bool SetCertificate(const KubeAuthority::Issued& issued, const std::string& ca, SSL_CTX* context) {
  BIO* pem = BIO_new_mem_buf(issued.certificate.data(), -1);
  X509* certificate = PEM_read_bio_X509(pem, nullptr, nullptr, nullptr);
  BIO_free(pem);
  pem = BIO_new_mem_buf(issued.key.data(), -1);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(pem, nullptr, nullptr, nullptr);
  BIO_free(pem);
  pem = BIO_new_mem_buf(ca.data(), -1);
  X509* authority = PEM_read_bio_X509(pem, nullptr, nullptr, nullptr);
  BIO_free(pem);
  const bool is_set = SSL_CTX_use_certificate(context, certificate) == 1 &&
                      SSL_CTX_use_PrivateKey(context, key) == 1 &&
                      X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) == 1;
  X509_free(certificate);
  EVP_PKEY_free(key);
  X509_free(authority);
  // A client may show one.
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return is_set;
}

bool HasCertificate(const SSL* connection) {
  X509* certificate = SSL_get1_peer_certificate(connection);
  X509_free(certificate);
  return certificate != nullptr;
}

}  // namespace podwarp::test
