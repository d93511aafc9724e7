#include "kubernetes/https_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

Owned<BIO> Reading(const std::string& text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Owned<X509> NextCertificate(BIO* pem) {
  return Owned<X509>(PEM_read_bio_X509(pem, nullptr, nullptr, nullptr));
}

// A key that wants a passphrase can't be used: nobody is there to be asked.
int NoPassphrase(char*, int, int, void*) { return -1; }

absl::Status Fault(absl::string_view what, absl::string_view why) {
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", why));
}

absl::Status TrustOnly(const Credential& ca, SSL_CTX* context) {
  if (!ca.is_given()) {
    SSL_CTX_set_default_verify_paths(context);
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> text = ca.Read("certificate authority");
  if (!text.ok()) return text.status();
  const Owned<BIO> pem = Reading(*text);
  int count = 0;
  while (const Owned<X509> certificate = NextCertificate(pem.get())) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get());
    ++count;
  }
  ERR_clear_error();  // the end of the text is one
  return count > 0 ? absl::OkStatus()
                   : Fault("certificate authority", "there is no certificate in it");
}

absl::Status ShowCertificate(const ClusterAccess& access, SSL_CTX* context) {
  const absl::StatusOr<std::string> chain = access.certificate.Read("client certificate");
  if (!chain.ok()) return chain.status();
  const absl::StatusOr<std::string> key_text = access.key.Read("client key");
  if (!key_text.ok()) return key_text.status();

  const Owned<BIO> pem = Reading(*chain);
  const Owned<X509> own = NextCertificate(pem.get());
  if (own == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1) {
    return Fault("client certificate", "there is no certificate in it");
  }
  while (const Owned<X509> issuer = NextCertificate(pem.get())) {
    SSL_CTX_add1_chain_cert(context, issuer.get());
  }
  const Owned<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(Reading(*key_text).get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) return Fault("client key", "there is no key in it, or it wants a passphrase");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return Fault("client key", "it isn't the certificate's");
  }
  ERR_clear_error();
  return absl::OkStatus();
}

int NoteVerifyError(int is_good, X509_STORE_CTX* verification) {
  if (is_good != 1) {
    const auto* ssl = static_cast<SSL*>(
        X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* error = static_cast<std::string*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    *error = X509_verify_cert_error_string(X509_STORE_CTX_get_error(verification));
  }
  return is_good;
}

bool IsIpAddress(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// OpenSSL does this itself, while it shakes hands. cpp-httplib 0.11's own way believes the system's
// CAs as well as the cluster's, and shows our certificate before it looks at the server's.
void Verify(const ServerAddress& address, SSL_CTX* context, std::string* error) {
  SSL_CTX_set_app_data(context, error);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NoteVerifyError);
  X509_VERIFY_PARAM* param = SSL_CTX_get0_param(context);
  // What is given is trusted, be it signed by another or not: kubectl sees it so.
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  if (IsIpAddress(address.host)) {
    X509_VERIFY_PARAM_set1_ip_asc(param, address.host.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(param, address.host.c_str(), address.host.size());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpsClient>> HttpsClient::Open(const ClusterAccess& access,
                                                               const ServerAddress& address) {
  std::unique_ptr<HttpsClient> client(new HttpsClient());
  if (!address.is_tls) {
    client->http_ = std::make_unique<httplib::ClientImpl>(address.host, address.port);
    return client;
  }
  auto https = std::make_unique<httplib::SSLClient>(address.host, address.port);
  SSL_CTX* context = https->ssl_context();
  if (context == nullptr) return absl::InternalError("OpenSSL makes no context");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  https->enable_server_certificate_verification(false);  // see Verify()
  if (!access.insecure) {
    if (absl::Status status = TrustOnly(access.ca, context); !status.ok()) return status;
    Verify(address, context, &client->verify_error_);
  }
  if (access.certificate.is_given()) {
    if (absl::Status status = ShowCertificate(access, context); !status.ok()) return status;
  }
  client->http_ = std::move(https);
  return client;
}

std::string HttpsClient::WhyRefused() const {
  if (!verify_error_.empty()) return absl::StrCat("its certificate: ", verify_error_);
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "" : reason;
}

}  // namespace podwarp
