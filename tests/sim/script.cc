#include "script.h"

#include <fmt/format.h>

#include "protocols/postgres/build.h"

namespace sluice::sim {
namespace {

namespace build = pg::build;

/// Statement and portal names are used again, but never after a Close: a Close that is skipped after an
/// error is forgotten by the gateway at once, which is the safe side and not what a server does.
class Writer {
 public:
  Writer(Random& random, unsigned session, bool masks) : random_(random), session_(session), masks_(masks) {}

  Script write() {
    ModelServer oracle;
    oracle.act_as_gateway(masks_);
    std::vector<std::byte> answers;
    const uint64_t steps = random_.between(1, 12);
    const uint64_t waits = random_.between(1, 4);  // Once in this many steps.
    for (uint64_t i = 0; i < steps; ++i) {
      step_.clear();
      if (random_.once_in(3)) {
        simple_query();
      } else {
        extended_group();
      }
      oracle.take(step_);
      const auto sent = oracle.take_output();
      answers.insert(answers.end(), sent.begin(), sent.end());
      for (const Message& message : take_messages(answers)) script_.answers.push_back(comparable(message));
      Step step;
      step.bytes = step_;
      step.pause_ns = random_.once_in(20) ? random_.below(5'000'000'000) : 0;
      step.answers = script_.answers.size();
      step.wait = random_.once_in(waits) || i + 1 == steps;
      script_.steps.push_back(std::move(step));
    }
    return std::move(script_);
  }

 private:
  void note(std::string what) { script_.said.push_back(std::move(what)); }

  std::string rows() {
    const uint64_t serial = ++serial_;
    const auto where = fmt::format("where k = {} and n = {}", session_, serial);
    switch (random_.below(8)) {
      case 0:
        return fmt::format("select * from cards_{}_{} {}", random_.below(40), random_.once_in(4) ? random_.below(3000) : 0,
                           where);
      case 1:
        return fmt::format("select * from fails_{}_{} {}", random_.below(4), random_.below(100), where);
      case 2:
        return fmt::format("select * from noisy_1_10 {}", where);
      case 3:
        return fmt::format("select * from missing {}", where);
      case 4:
        return fmt::format("select * from rows_{}_{}_{} {}", random_.below(60), random_.below(9000), random_.between(1, 3),
                           where);
      default:
        return fmt::format("select * from rows_{}_{}_{} {}", random_.below(5), random_.below(200), random_.between(1, 3),
                           where);
    }
  }

  std::string text(bool with_copy) {
    const uint64_t serial = ++serial_;
    switch (random_.below(20)) {
      case 0:
      case 1:
        return "begin";
      case 2:
        return "commit";
      case 3:
      case 4:
        return "rollback";
      case 5:
        return "savepoint a";
      case 6:
        return "rollback to a";
      case 7:
      case 8:
        return fmt::format("drop table d{}_{}", session_, serial);
      case 9:
        return fmt::format("copy u{}_{} to stdout{}", session_, serial, serial % 3 == 0 ? " binary" : "");
      case 10:
        return fmt::format("summon {}_{}", session_, serial);
      case 11:
        return fmt::format("frobnicate {}_{}", session_, serial);
      case 12:
        return "";
      case 13:
      case 14:
        if (with_copy) return fmt::format("copy t{}_{} from stdin", session_, serial);
        [[fallthrough]];
      case 15:
      case 16:
        return fmt::format("insert into t values ({}, {})", session_, serial);
      default:
        return rows();
    }
  }

  void copy_data() {
    std::string log = "copy data";
    for (uint64_t n = random_.below(6); n > 0; --n) {
      const bool bad = random_.once_in(10);
      const std::string data = (bad ? "BAD" : "row") + std::string(random_.once_in(5) ? random_.below(20'000) : 10, '.');
      ByteWriter writer(step_);
      writer.u8('d');
      writer.u32(static_cast<uint32_t>(4 + data.size()));
      writer.text(data);
      log += bad ? " bad" : fmt::format(" {}", data.size());
    }
    if (random_.once_in(6)) {
      build::copy_fail(step_, "enough");
      log += " fail";
    } else {
      ByteWriter writer(step_);
      writer.u8('c');
      writer.u32(4);
    }
    note(log);
  }

  void simple_query() {
    std::string text = this->text(true);
    bool copies = text.ends_with(" from stdin");
    if (random_.once_in(4) && !text.empty()) {
      text = fmt::format("insert into t values ({}, {}); {}", session_, ++serial_, text);
    } else if (random_.once_in(4) && !text.empty()) {
      text += fmt::format("; insert into t values ({}, {})", session_, ++serial_);
    }
    note(fmt::format("Query {}", text));
    build::query(step_, text);
    if (copies) copy_data();
  }

  std::string pick(std::vector<std::string>& names, std::string_view prefix) {
    if (random_.once_in(2)) return "";
    if (names.empty() || random_.once_in(3)) names.push_back(fmt::format("{}{}", prefix, ++serial_));
    return names[random_.below(names.size())];
  }

  void bind(const std::string& portal, const std::string& statement) {
    note(fmt::format("Bind {} of {}", portal, statement));
    build::bind(step_, portal, statement);
  }

  void execute(const std::string& portal) {
    const auto limit = static_cast<uint32_t>(random_.once_in(3) ? random_.between(1, 5) : 0);
    note(fmt::format("Execute {} {}", portal, limit));
    build::execute(step_, portal, limit);
  }

  /// The usual order: Parse, Bind, maybe Describe, Execute.
  void whole_statement() {
    const std::string text = this->text(true);
    // A COPY that ran again under an old name would take what follows for its data.
    const std::string statement = text.ends_with(" from stdin") ? fmt::format("c{}", ++serial_) : pick(statements_, "s");
    const std::string portal = pick(portals_, "p");
    note(fmt::format("Parse {}: {}", statement, text));
    build::parse(step_, statement, text);
    if (random_.once_in(4)) build::describe_statement(step_, statement);
    bind(portal, statement);
    if (random_.once_in(2)) build::describe_portal(step_, portal);
    execute(portal);
    if (text.ends_with(" from stdin")) {
      if (random_.once_in(3)) build::flush(step_);
      copy_data();
    } else if (random_.once_in(3)) {
      execute(portal);
    }
  }

  void close_one() {
    const bool portal = random_.once_in(2);
    std::vector<std::string>& names = portal ? portals_ : statements_;
    if (names.empty()) return;
    const size_t which = random_.below(names.size());
    note(fmt::format("Close {}", names[which]));
    portal ? build::close_portal(step_, names[which]) : build::close_statement(step_, names[which]);
    names.erase(names.begin() + static_cast<ptrdiff_t>(which));
  }

  void extended_group() {
    for (uint64_t n = random_.between(1, 4); n > 0; --n) {
      switch (random_.below(8)) {
        case 0:
          bind(pick(portals_, "p"), pick(statements_, "s"));
          break;
        case 1:
          close_one();
          break;
        case 2:
          note("Flush");
          build::flush(step_);
          break;
        case 3:
          if (!statements_.empty()) build::describe_statement(step_, statements_[random_.below(statements_.size())]);
          break;
        default:
          whole_statement();
      }
    }
    note("Sync");
    build::sync(step_);
  }

  Random& random_;
  const unsigned session_;
  const bool masks_;
  Script script_;
  std::vector<std::byte> step_;
  std::vector<std::string> statements_;
  std::vector<std::string> portals_;
  uint64_t serial_ = 0;
};

}  // namespace

Script make_script(Random& random, unsigned session, bool masks) { return Writer(random, session, masks).write(); }

}  // namespace sluice::sim
