// The two ends a simulated session has: a client with a script, and the server its target names.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "memory_recorder.h"
#include "model_server.h"
#include "protocols/postgres/scram.h"
#include "script.h"
#include "sim_kernel.h"

namespace sluice::sim {

inline constexpr std::string_view client_user = "agent";
inline constexpr std::string_view client_key = "the client's key";
inline constexpr std::string_view upstream_user = "app";
inline constexpr std::string_view upstream_password = "the target's password";
/// Few, since the runs are many: what PBKDF2 costs is not what is tried here.
inline constexpr uint32_t iterations = 2;

class Client final : public Peer {
 public:
  enum class Leaving : uint8_t { Properly, Finish, Reset, Terminate, WrongKey, TerminateAndReset };
  struct Plan {
    Script script;
    Leaving leaving = Leaving::Properly;
    size_t leaves_after = SIZE_MAX;   ///< Steps.
    size_t cancels_after = SIZE_MAX;  ///< Steps.
    bool wrong_cancel = false;
  };
  Client(SimKernel& kernel, Random random, Plan plan);

  void start();
  void on_data(Bytes data) override;
  void on_end(bool reset) override;
  [[nodiscard]] bool ended() const { return ended_; }
  /// What is wrong with what it saw; empty: nothing. `disturbed`: something else ended the session.
  [[nodiscard]] std::string verdict(bool disturbed) const;
  [[nodiscard]] bool complete() const { return seen_.size() == plan_.script.answers.size(); }
  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] const std::vector<Message>& seen() const { return seen_; }
  [[nodiscard]] bool saw_fatal() const { return fatal_; }
  [[nodiscard]] bool ready() const { return ready_; }

 private:
  /// Says one thing to the gateway and waits for the end.
  class CancelRequest;
  void take_login(const Message& message);
  void go_on();
  void send_next();
  void say(std::vector<std::byte>& bytes);
  void leave();

  SimKernel& kernel_;
  Random random_;
  Plan plan_;
  SimKernel::Link link_ = 0;
  std::unique_ptr<pg::ScramClient> scram_;
  std::unique_ptr<Peer> cancel_;
  std::vector<std::byte> in_;
  std::vector<Message> seen_;  // Comparable, after the login.
  uint32_t pid_ = 0;
  uint32_t secret_ = 0;
  size_t next_step_ = 0;
  bool sending_ = false;
  bool ready_ = false;
  bool fatal_ = false;
  std::string last_word_;  // Of a login that failed.
  bool left_ = false;
  bool ended_ = false;
};

/// What all servers of a run share.
struct ServerWorld {
  SimKernel& kernel;
  MemoryRecorder& recorder;
  Random random;
  bool group = false;
  bool masks = false;
  uint64_t dies_once_in = 0;  ///< Answers; 0: never.
  bool died = false;
  std::vector<std::pair<uint32_t, uint32_t>> keys;
  std::vector<std::string> complaints;
};

class Server final : public Peer {
 public:
  Server(ServerWorld& world, SimKernel::Link link);
  void on_data(Bytes data) override;
  void on_end(bool reset) override;
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  void take_startup();
  void take_sasl(const Message& message);
  void text_arrived(std::string_view text, bool simple);

  ServerWorld& world_;
  const SimKernel::Link link_;
  std::unique_ptr<pg::ScramServer> scram_;
  ModelServer model_;
  std::vector<std::byte> in_;
  bool started_ = false;
  bool scram_began_ = false;
  bool ready_ = false;
  bool ended_ = false;
};

[[nodiscard]] pg::ScramKeys keys_of(std::string_view password);
[[nodiscard]] std::vector<std::byte> salt();

}  // namespace sluice::sim
