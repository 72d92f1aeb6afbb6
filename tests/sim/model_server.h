// PostgreSQL as the simulation needs it: bytes in, bytes out, the same answer to the same text always.
// Written from the protocol's description, not from the gateway's pipeline. The same class says what a
// client must see through the gateway, by refusing and masking itself.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace sluice::sim {

/// SQLSTATE that the gateway answers this text with; empty: it is passed on. `masks`: a mask is live.
[[nodiscard]] std::string_view refusal_of(std::string_view text, bool masks);

struct Message {
  char type = 0;
  std::string body;
  bool operator==(const Message&) const = default;
};
/// Whole messages at the front of `bytes`; what is left stays.
[[nodiscard]] std::vector<Message> take_messages(std::vector<std::byte>& bytes);
/// One line, for a trace.
[[nodiscard]] std::string show(const Message& message);
/// What can be compared: an error's texts are left out where the gateway has its own words.
[[nodiscard]] Message comparable(const Message& message);

/// One session after its login.
class ModelServer {
 public:
  /// What it was given, for the checks of promises 1 and 3.
  struct Witness {
    std::function<void(std::string_view text, bool simple)> text;
    std::function<void(std::string_view text)> execution;
  };
  explicit ModelServer(Witness witness = {}) : witness_(std::move(witness)) {}

  /// Answers as the gateway must, in place of as the server would.
  void act_as_gateway(bool masks) {
    gateway_ = true;
    masks_ = masks;
  }
  void take(Bytes input);
  /// What it has sent: the rest waits for Flush, Sync or the end of a query.
  [[nodiscard]] std::vector<std::byte> take_output() { return std::exchange(sent_, {}); }
  [[nodiscard]] bool terminated() const { return terminated_; }
  [[nodiscard]] char transaction() const { return transaction_; }
  [[nodiscard]] bool failing() const { return skipping_; }

 private:
  struct Statement {
    std::string text;
    uint16_t parameters = 0;
  };
  struct Portal {
    std::string text;
    size_t sent = 0;  // Rows.
    bool finished = false;
  };
  enum class Ran : uint8_t { Done, Failed, Copying };

  void take_message(const Message& message);
  void take_query(std::string_view text);
  void go_on_with_query();
  void take_parse(ByteReader body);
  void take_bind(ByteReader body);
  void take_describe(char kind, const std::string& name);
  void take_execute(const std::string& name, uint32_t limit);
  void take_copy(const Message& message);
  [[nodiscard]] Ran run(std::string_view text, Portal* portal, uint32_t limit);
  [[nodiscard]] Ran run_transaction(std::string_view text);
  [[nodiscard]] Ran run_rows(std::string_view text, Portal* portal, uint32_t limit);
  void describe_rows(std::string_view text);
  Ran error(std::string_view code, std::string_view message);
  void extended_error(std::string_view code, std::string_view message);
  void notice(std::string_view code, std::string_view message);
  void ready();
  void flush();

  Witness witness_;
  bool gateway_ = false;
  bool masks_ = false;
  std::vector<std::byte> in_;
  std::vector<std::byte> out_;
  std::vector<std::byte> sent_;
  char transaction_ = 'I';
  bool skipping_ = false;
  bool terminated_ = false;
  std::map<std::string, Statement> statements_;
  std::map<std::string, Portal> portals_;
  std::map<std::string, int> savepoints_;
  std::deque<std::string> rest_;  // Of a simple query.
  bool in_query_ = false;
  bool copying_ = false;
  size_t copied_ = 0;
};

}  // namespace sluice::sim
