// A certificate authority that lives as long as a test.
#pragma once

#include <memory>
#include <string>
#include <vector>

typedef struct x509_st X509;
typedef struct evp_pkey_st EVP_PKEY;

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

}  // namespace podwarp::test
