// Records as lines that people and programs read. What a peer chose is escaped: neither a terminal nor
// a JSON reader can be driven by it.
#pragma once
#include <optional>
#include <string>
#include <unordered_map>

#include "audit/reader.h"

namespace sluice::audit {

enum class Format : uint8_t {
  Text,
  JsonLines,  ///< One object a record; docs/reference/audit-records.md lists the keys.
};

/// "2026-01-31T12:00:00.123456789Z".
[[nodiscard]] std::string utc_time(int64_t unix_ns);

/// Renders the records of one session, in their order. Holds the statement texts of one segment.
class Transcript {
 public:
  explicit Transcript(Format format) : format_(format) {}
  /// The line of this record, without a line end. nullopt: the record has none (the definition of a
  /// text, which the intents that use it show). An Error: the record's payload does not decode.
  [[nodiscard]] Expected<std::optional<std::string>> line(const LogRecord& record);

 private:
  struct StatementText {
    std::string text;
    bool digest = false;
    bool cut = false;
    uint64_t full_size = 0;
    Digest sha256{};
  };
  [[nodiscard]] Decoded<std::string> details(const LogRecord& record);
  [[nodiscard]] std::string intent_text(const IntentView& v, uint64_t seq) const;
  [[nodiscard]] std::string intent_json(const IntentView& v) const;

  Format format_;
  uint64_t segment_ = 0;
  std::unordered_map<uint64_t, StatementText> statements_;
};

}  // namespace sluice::audit
