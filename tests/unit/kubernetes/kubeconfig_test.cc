// kubeconfigs, the service account of a pod, and what is wrong with either.
#include "kubernetes/kubeconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace podwarp {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// As kubeadm writes it.
constexpr char kAdmin[] = R"(apiVersion: v1
kind: Config
current-context: admin@prod
contexts:
- context: {cluster: other, user: other}
  name: other
- context:
    cluster: prod
    user: admin
    namespace: shop
  name: admin@prod
clusters:
- name: other
  cluster: {server: "https://other:1"}
- cluster:
    certificate-authority-data: Q0E=
    server: https://192.0.2.10:6443
  name: prod
users:
- name: admin
  user:
    client-certificate-data: Q0VSVA==
    client-key-data: S0VZ
preferences: {}
)";

class KubeconfigTest : public testing::Test {
 protected:
  KubeconfigTest() {
    char name[] = "/tmp/podwarp-kubeconfig-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~KubeconfigTest() override {
    std::filesystem::remove_all(folder_);
    unsetenv("KUBERNETES_SERVICE_HOST");
    unsetenv("KUBERNETES_SERVICE_PORT");
  }

  std::string Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  absl::StatusOr<ClusterAccess> Load(const std::string& text) {
    return LoadKubeconfig(Write("config", text));
  }
  std::string ErrorOf(const std::string& text) {
    const absl::StatusOr<ClusterAccess> access = Load(text);
    return access.ok() ? "" : std::string(access.status().message());
  }
  // kAdmin with another cluster or user.
  std::string ErrorWith(const std::string& old_text, const std::string& new_text) {
    const std::string text = absl::StrReplaceAll(kAdmin, {{old_text, new_text}});
    EXPECT_NE(text, kAdmin);
    return ErrorOf(text);
  }

  std::filesystem::path folder_;
};

TEST_F(KubeconfigTest, CurrentContextWithData) {
  const absl::StatusOr<ClusterAccess> access = Load(kAdmin);
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_EQ(access->server, "https://192.0.2.10:6443");
  EXPECT_EQ(access->namespace_name, "shop");
  EXPECT_EQ(access->ca.Read("").value(), "CA");
  EXPECT_EQ(access->certificate.Read("").value(), "CERT");
  EXPECT_EQ(access->key.Read("").value(), "KEY");
  EXPECT_FALSE(access->token.is_given());
  EXPECT_FALSE(access->insecure);
}

TEST_F(KubeconfigTest, FilesAreRelativeToTheKubeconfig) {
  Write("pki/ca.pem", "the ca\n");
  Write("token", "t1\n");
  const absl::StatusOr<ClusterAccess> access = Load(R"(
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: 'https://api', certificate-authority: pki/ca.pem}}]
users: [{name: u, user: {token: ignored, tokenFile: token, client-certificate: /etc/c, client-key: k}}]
)");
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_EQ(access->namespace_name, "default");
  EXPECT_EQ(access->ca.Read("").value(), "the ca");
  EXPECT_EQ(access->token.Read("").value(), "t1");
  EXPECT_EQ(access->certificate.file, "/etc/c");
  EXPECT_EQ(access->key.file, (folder_ / "k").string());
  // Read anew each time.
  Write("token", "t2");
  EXPECT_EQ(access->token.Read("").value(), "t2");
  Write("token", " \n");
  EXPECT_THAT(std::string(access->token.Read("token").status().message()),
              AllOf(StartsWith("token: "), HasSubstr("is empty")));
}

TEST_F(KubeconfigTest, WithoutUserAndInsecure) {
  const absl::StatusOr<ClusterAccess> access = Load(R"(
current-context: c
contexts: [{name: c, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: 'https://api:6443/k8s/', insecure-skip-tls-verify: true}}]
)");
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_TRUE(access->insecure);
  EXPECT_FALSE(access->token.is_given() || access->certificate.is_given());
}

TEST_F(KubeconfigTest, FaultsNameFileAndKey) {
  const std::string file = (folder_ / "config").string();
  const auto expect = [&](const std::string& error, const std::string& where,
                          const std::string& why) {
    EXPECT_THAT(error, AllOf(StartsWith(file + ": " + where), HasSubstr(why)));
  };
  expect(ErrorWith("current-context: admin@prod\n", ""), "current-context: ", "is missing");
  expect(ErrorWith("current-context: admin@prod", "current-context: [a]"),
         "current-context: ", "is no text");
  expect(ErrorWith("current-context: admin@prod", "current-context: x"),
         "contexts: ", "has no \"x\"");
  expect(ErrorWith("cluster: prod", "cluster: nowhere"), "clusters: ", "has no \"nowhere\"");
  expect(ErrorWith("user: admin\n", "user: nobody\n"), "users: ", "has no \"nobody\"");
  expect(ErrorWith("    server: https://192.0.2.10:6443\n", ""),
         "clusters[prod].cluster.server: ", "is missing");
  expect(ErrorWith("https://192.0.2.10:6443", "192.0.2.10:6443"), "clusters[prod].cluster: server",
         "not a URL");
  expect(ErrorWith("Q0E=", "'%%%'"),
         "clusters[prod].cluster.certificate-authority-data: ", "is not base64");
  expect(ErrorWith("    client-key-data: S0VZ\n", ""),
         "contexts[admin@prod].context: ", "go together");
  expect(ErrorWith("https://192", "http://192"), "contexts[admin@prod].context: ", "needs https");
  expect(ErrorWith("    server:", "    insecure-skip-tls-verify: true\n    server:"),
         "contexts[admin@prod].context: ", "give one of them");
  expect(ErrorWith("    server:", "    insecure-skip-tls-verify: perhaps\n    server:"),
         "clusters[prod].cluster.insecure-skip-tls-verify: ", "true or false");
  expect(ErrorWith("    server:", "    proxy-url: http://proxy\n    server:"),
         "clusters[prod].cluster.proxy-url: ", "can't do this");
  expect(ErrorWith("client-key-data: S0VZ", "exec: {command: aws}"),
         "users[admin].user.exec: ", "runs no program");
  expect(ErrorWith("client-key-data: S0VZ", "auth-provider: {name: gcp}"),
         "users[admin].user.auth-provider: ", "runs no program");
  expect(ErrorWith("client-key-data: S0VZ", "password: p"),
         "users[admin].user.password: ", "give a token");
  expect(ErrorOf("- a\n"), "", "not a mapping");
  EXPECT_THAT(ErrorOf(""), HasSubstr(file + " is empty"));
  expect(ErrorOf("a: [\n"), "line ", "");
  expect(ErrorOf("contexts: {a: b}\ncurrent-context: a\n"), "contexts: ", "is no list");
  EXPECT_THAT(std::string(LoadKubeconfig("/no/such").status().message()),
              AllOf(HasSubstr("/no/such"), HasSubstr("No such file")));
  EXPECT_THAT(std::string(LoadKubeconfig(folder_.string()).status().message()),
              HasSubstr(folder_.string() + ": Is a directory"));
}

TEST_F(KubeconfigTest, InCluster) {
  EXPECT_THAT(std::string(InClusterAccess(folder_.string()).status().message()),
              HasSubstr("KUBERNETES_SERVICE_HOST"));
  setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  EXPECT_THAT(std::string(InClusterAccess(folder_.string()).status().message()),
              HasSubstr((folder_ / "ca.crt").string()));
  Write("ca.crt", "ca");
  EXPECT_THAT(std::string(InClusterAccess(folder_.string()).status().message()),
              HasSubstr((folder_ / "token").string()));
  Write("token", "secret");
  Write("namespace", "podwarp-system");
  const absl::StatusOr<ClusterAccess> access = InClusterAccess(folder_.string());
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_EQ(access->server, "https://[fd00::1]:443");
  EXPECT_EQ(access->namespace_name, "podwarp-system");
  EXPECT_EQ(access->token.file, (folder_ / "token").string());
}

TEST(ServerAddressTest, Urls) {
  const auto parse = [](const char* url) {
    const absl::StatusOr<ServerAddress> address = ParseServerAddress(url);
    if (!address.ok()) return std::string(address.status().message());
    return absl::StrCat(address->is_tls ? "tls " : "", address->host, " ", address->port,
                        address->path);
  };
  EXPECT_EQ(parse("https://10.96.0.1"), "tls 10.96.0.1 443");
  EXPECT_EQ(parse("http://localhost:8001/"), "localhost 8001");
  EXPECT_EQ(parse("https://[fd00::1]:6443"), "tls fd00::1 6443");
  EXPECT_EQ(parse("https://[fd00::1]"), "tls fd00::1 443");
  EXPECT_EQ(parse("https://rancher/k8s/clusters/c-1/"), "tls rancher 443/k8s/clusters/c-1");
  for (const char* url : {"", "api", "api:6443", "ftp://api", "https://", "https://:443",
                          "https://api:", "https://api:0", "https://api:65536", "https://api:x",
                          "https://[fd00::1", "https://[fd00::1]6443", "https://user@api",
                          "https://a b", "https://api/x?y", "https://api\r\nHost: x"}) {
    EXPECT_THAT(parse(url), AllOf(StartsWith("server \""), HasSubstr("it is https://"))) << url;
  }
}

}  // namespace
}  // namespace podwarp
