// A certificate authority that lives as long as a test.
#pragma once

#include <memory>
#include <string>
#include <vector>

typedef struct x509_st X509;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

namespace podwarp::test {

class KubeAuthority {
 public:
  struct Issued {
    std::string certificate;  // PEM
    std::string key;          // PEM
  };

  KubeAuthority();
  ~KubeAuthority();

  std::string certificate() const;  // PEM
  // For a server: `hosts` are its names and addresses.
  Issued IssueServer(const std::vector<std::string>& hosts) const;
  Issued IssueClient(const std::string& user) const;

 private:
  Issued Issue(const std::string& name, const std::string& alternative_names) const;

  X509* certificate_;
  EVP_PKEY* key_;
};

// A server shows `issued`, and asks its clients for one that `ca`, PEM, has issued; they may have
// none. False if these can't be used.
bool SetCertificate(const KubeAuthority::Issued& issued, const std::string& ca, SSL_CTX* context);
// Whether the client has shown one.
bool HasCertificate(const SSL* connection);

}  // namespace podwarp::test
