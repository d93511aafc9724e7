// librte_vhost as the plain back end of one vhost-user socket: what VirtioPeer is tested against.
#pragma once

#include <rte_mbuf.h>

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "support/mbuf.h"

namespace podwarp::test {

class RteVhostBackEnd {
 public:
  struct Options {
    bool connects = false;           // to a front end that listens
    uint64_t without_features = 0;   // of those that librte_vhost offers
    uint64_t without_protocols = 0;  // likewise
  };

  // Ends the program if librte_vhost refuses.
  RteVhostBackEnd(std::string path, const Options& options);
  ~RteVhostBackEnd();  // the front end's connection ends

  bool HasDevice() const { return device_ >= 0; }
  // The ring that each is on counts as the front end's: queue pairs. Whatever is there.
  std::vector<MbufPtr> Dequeue(uint16_t queue);
  // Returns how many frames found room.
  uint16_t Enqueue(uint16_t queue, const std::vector<rte_mbuf*>& frames);
  // Whether the guest is asked to kick for what it sends.
  void WantKicks(uint16_t queue, bool wanted);
  // Negotiated with SET_MTU; 0 if it was not.
  uint16_t MtuBytes() const;

 private:
  static int NewDevice(int device);
  static void DestroyDevice(int device);

  const std::string path_;
  std::atomic<int> device_{-1};
};

}  // namespace podwarp::test
