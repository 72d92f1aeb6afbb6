#include "model_server.h"

#include <fmt/format.h>

#include <charconv>

#include "model/result_shape.h"
#include "protocols/postgres/build.h"

namespace sluice::sim {
namespace {

namespace build = pg::build;
constexpr std::string_view card = "4111-1111-1111-1111";
constexpr std::string_view masked_card = "***************1111";

struct Rows {
  size_t rows = 0;
  size_t size = 0;
  size_t columns = 1;
  bool cards = false;
  bool fails = false;  // After its rows.
  bool noisy = false;
};

/// "select * from rows_3_20_2 where ..." and its sisters.
std::optional<Rows> rows_of(std::string_view text) {
  if (!text.starts_with("select * from ")) return std::nullopt;
  text.remove_prefix(14);
  const size_t under = text.find('_');
  if (under == std::string_view::npos) return std::nullopt;
  const std::string_view table = text.substr(0, under);
  Rows found;
  for (size_t* number : {&found.rows, &found.size, &found.columns}) {
    const size_t at = text.find_first_of("_ ");
    if (at == std::string_view::npos || text[at] == ' ') break;
    text.remove_prefix(at + 1);
    std::from_chars(text.data(), text.data() + text.size(), *number);
  }
  found.cards = table == "cards";
  found.fails = table == "fails";
  found.noisy = table == "noisy";
  if (table != "rows" && !found.cards && !found.fails && !found.noisy) return std::nullopt;
  return found;
}

bool is_transaction(std::string_view text) {
  return text == "begin" || text == "commit" || text == "rollback" || text.starts_with("savepoint ") ||
         text.starts_with("rollback to ") || text.starts_with("release ");
}
bool ends_transaction(std::string_view text) {
  return text == "commit" || text == "rollback" || text.starts_with("rollback to ");
}
bool is_copy_in(std::string_view text) { return text.starts_with("copy ") && text.ends_with(" from stdin"); }
bool is_copy_out(std::string_view text) { return text.starts_with("copy ") && text.contains(" to stdout"); }

bool parses(std::string_view text) {
  return text.empty() || is_transaction(text) || is_copy_in(text) || is_copy_out(text) ||
         text.starts_with("select * from ") || text.starts_with("insert into ") || text.starts_with("drop table ") ||
         text.starts_with("summon ");
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::deque<std::string> split(std::string_view text) {
  std::deque<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(';'), text.size());
    if (const std::string_view part = trim(text.substr(0, end)); !part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

uint16_t parameters_in(std::string_view text) { return text.find("$1") == std::string_view::npos ? 0 : 1; }

void copy_response(std::vector<std::byte>& out, char type) {
  ByteWriter writer(out);
  writer.u8(static_cast<uint8_t>(type));
  writer.u32(4 + 1 + 2 + 2);
  writer.u8(0);
  writer.u16(1);
  writer.u16(0);
}

void bare(std::vector<std::byte>& out, char type, std::string_view body = {}) {
  ByteWriter writer(out);
  writer.u8(static_cast<uint8_t>(type));
  writer.u32(static_cast<uint32_t>(4 + body.size()));
  writer.text(body);
}

}  // namespace

std::string_view refusal_of(std::string_view text, bool masks) {
  if (text.find("drop table ") != std::string_view::npos) return "42501";
  if (masks && text.find(" to stdout binary") != std::string_view::npos) return "42501";
  return {};
}

std::vector<Message> take_messages(std::vector<std::byte>& bytes) {
  std::vector<Message> messages;
  size_t at = 0;
  while (bytes.size() - at >= 5) {
    const size_t size = load_u32(bytes.data() + at + 1) + size_t{1};
    if (size < 5 || bytes.size() - at < size) break;
    messages.push_back({static_cast<char>(bytes[at]), std::string(as_text(Bytes(bytes).subspan(at + 5, size - 5)))});
    at += size;
  }
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(at));
  return messages;
}

std::string show(const Message& message) {
  std::string text(1, message.type);
  text += fmt::format("[{}] ", message.body.size());
  for (const char c : message.body.substr(0, 70)) text += c >= ' ' && c <= '~' ? c : '.';
  return text;
}

Message comparable(const Message& message) {
  if (message.type != 'E') return message;
  std::string_view body = message.body;
  std::string code;
  while (!body.empty() && body.front() != '\0') {
    const std::string_view field = body.substr(0, body.find('\0'));
    if (field.front() == 'C') code = field.substr(1);
    body.remove_prefix(std::min(field.size() + 1, body.size()));
  }
  // An unnamed statement that the server has dropped by now may still be refused as what it was.
  if (code == "0A000" || code == "26000") return {'E', "0A000 or 26000"};
  if (code == "42501" || code == "34000") return {'E', code};
  return message;
}

void ModelServer::flush() { sent_.insert(sent_.end(), out_.begin(), out_.end()), out_.clear(); }

void ModelServer::ready() {
  build::ready_for_query(out_, transaction_);
  flush();
}

ModelServer::Ran ModelServer::error(std::string_view code, std::string_view message) {
  build::error_response(out_, {.sqlstate = code, .message = message});
  if (transaction_ == 'T') transaction_ = 'E';
  return Ran::Failed;
}

void ModelServer::extended_error(std::string_view code, std::string_view message) {
  (void)error(code, message);
  skipping_ = true;
  flush();
}

void ModelServer::notice(std::string_view code, std::string_view message) {
  build::notice_response(out_, {.severity = "WARNING", .sqlstate = code, .message = message});
}

void ModelServer::take(Bytes input) {
  in_.insert(in_.end(), input.begin(), input.end());
  for (const Message& message : take_messages(in_)) {
    if (!terminated_) take_message(message);
  }
}

void ModelServer::take_message(const Message& message) {
  if (copying_) {
    take_copy(message);
    return;
  }
  if (skipping_ && message.type != 'S' && message.type != 'X') return;
  ByteReader body(as_bytes(message.body));
  switch (message.type) {
    case 'Q':
      take_query(*body.c_string());
      return;
    case 'P':
      take_parse(body);
      return;
    case 'B':
      take_bind(body);
      return;
    case 'D': {
      const char kind = static_cast<char>(*body.u8());
      take_describe(kind, std::string(*body.c_string()));
      return;
    }
    case 'E': {
      const std::string name(*body.c_string());
      take_execute(name, *body.u32());
      return;
    }
    case 'C': {
      const char kind = static_cast<char>(*body.u8());
      const std::string name(*body.c_string());
      if (kind == 'S') {
        statements_.erase(name);
      } else {
        portals_.erase(name);
      }
      build::close_complete(out_);
      return;
    }
    case 'H':
      flush();
      return;
    case 'S':
      skipping_ = false;
      if (transaction_ == 'I') portals_.clear();
      ready();
      return;
    case 'X':
      terminated_ = true;
      return;
    default:  // COPY messages outside COPY: dropped.
      return;
  }
}

void ModelServer::take_query(std::string_view text) {
  statements_.erase("");
  const bool unknown = text.find("summon ") != std::string_view::npos;
  if (witness_.text) witness_.text(text, true);
  in_query_ = true;
  const auto fail = [&](std::string_view code, std::string_view message) {
    (void)error(code, message);
    rest_.clear();
    go_on_with_query();
  };
  if (gateway_) {
    if (const auto code = refusal_of(text, masks_); !code.empty()) return fail(code, "refused");
  }
  rest_ = split(text);
  for (const std::string& part : rest_) {
    if (!parses(part)) return fail("42601", "syntax error");
  }
  if (gateway_ && unknown) {
    if (transaction_ == 'E') return fail("25P02", "current transaction is aborted");
    return fail("0A000", "not understood");
  }
  if (rest_.empty()) build::empty_query_response(out_);
  go_on_with_query();
}

void ModelServer::go_on_with_query() {
  while (!rest_.empty()) {
    const std::string text = std::move(rest_.front());
    rest_.pop_front();
    portals_.erase("");
    switch (run(text, nullptr, 0)) {
      case Ran::Done:
        break;
      case Ran::Failed:
        rest_.clear();
        break;
      case Ran::Copying:
        flush();
        return;
    }
  }
  in_query_ = false;
  if (transaction_ == 'I') portals_.clear();
  ready();
}

void ModelServer::take_parse(ByteReader body) {
  std::string name(*body.c_string());
  const std::string text(*body.c_string());
  if (witness_.text) witness_.text(text, false);
  // What was never judged gets no name that SQL EXECUTE could say.
  if (gateway_ && (text.starts_with("summon ") || text.starts_with("frobnicate "))) name.clear();
  if (name.empty()) statements_.erase("");
  if (gateway_) {
    if (const auto code = refusal_of(text, masks_); !code.empty()) return extended_error(code, "refused");
  }
  for (const std::string& part : split(text)) {
    if (!parses(part)) return extended_error("42601", "syntax error");
  }
  if (transaction_ == 'E' && !ends_transaction(text)) {
    return extended_error("25P02", "current transaction is aborted");
  }
  if (text.starts_with("select * from missing")) return extended_error("42P01", "relation does not exist");
  if (statements_.contains(name)) return extended_error("42P05", "prepared statement already exists");
  statements_[name] = {text, parameters_in(text)};
  build::parse_complete(out_);
}

void ModelServer::take_bind(ByteReader body) {
  const std::string portal(*body.c_string());
  const std::string name(*body.c_string());
  const auto at = statements_.find(name);
  if (at == statements_.end()) return extended_error("26000", "prepared statement does not exist");
  const std::string& text = at->second.text;
  if (gateway_ && text.starts_with("summon ")) return extended_error("0A000", "not understood");
  if (transaction_ == 'E' && !ends_transaction(text)) {
    return extended_error("25P02", "current transaction is aborted");
  }
  if (!portal.empty() && portals_.contains(portal)) return extended_error("42P03", "cursor already exists");
  portals_[portal] = {.text = text};
  build::bind_complete(out_);
}

void ModelServer::describe_rows(std::string_view text) {
  const auto rows = rows_of(text);
  if (!rows) {
    build::no_data(out_);
    return;
  }
  ResultShape shape;
  for (size_t i = 0; i < rows->columns; ++i) {
    shape.push_back({.name = fmt::format("c{}", i), .type_oid = rows->cards || i > 0 ? 25U : 23U});
  }
  build::row_description(out_, shape);
}

void ModelServer::take_describe(char kind, const std::string& name) {
  std::string text;
  if (kind == 'S') {
    const auto at = statements_.find(name);
    if (at == statements_.end()) return extended_error("26000", "prepared statement does not exist");
    text = at->second.text;
  } else {
    const auto at = portals_.find(name);
    if (at == portals_.end()) return extended_error("34000", "portal does not exist");
    text = at->second.text;
  }
  if (transaction_ == 'E' && rows_of(text)) return extended_error("25P02", "current transaction is aborted");
  if (kind == 'S') {
    const uint32_t type = 25;
    build::parameter_description(out_, std::span(&type, parameters_in(text)));
  }
  describe_rows(text);
}

void ModelServer::take_execute(const std::string& name, uint32_t limit) {
  const auto at = portals_.find(name);
  if (at == portals_.end()) return extended_error("34000", "portal does not exist");
  Portal& portal = at->second;
  const std::string text = portal.text;
  if (witness_.execution) witness_.execution(text);
  if (text.empty()) {
    build::empty_query_response(out_);
    return;
  }
  switch (run(text, &portal, limit)) {
    case Ran::Done:
      return;
    case Ran::Failed:
      skipping_ = true;
      flush();
      return;
    case Ran::Copying:
      flush();
  }
}

ModelServer::Ran ModelServer::run_transaction(std::string_view text) {
  if (text == "begin") {
    if (transaction_ == 'T') notice("25001", "there is already a transaction in progress");
    transaction_ = 'T';
    build::command_complete(out_, "BEGIN");
  } else if (text == "commit" || text == "rollback") {
    if (transaction_ == 'I') notice("25P01", "there is no transaction in progress");
    build::command_complete(out_, text == "commit" && transaction_ != 'E' ? "COMMIT" : "ROLLBACK");
    if (transaction_ == 'E') portals_.clear();
    transaction_ = 'I';
    savepoints_.clear();
  } else if (transaction_ == 'I') {
    return error("25P01", "no transaction block");
  } else if (text.starts_with("savepoint ")) {
    savepoints_[std::string(text.substr(10))] = 1;
    build::command_complete(out_, "SAVEPOINT");
  } else {
    const bool back = text.starts_with("rollback to ");
    const std::string name(text.substr(back ? 12 : 8));
    if (!savepoints_.contains(name)) return error("3B001", "savepoint does not exist");
    if (back) {
      if (transaction_ == 'E') portals_.clear();
      transaction_ = 'T';
    } else {
      savepoints_.erase(name);
    }
    build::command_complete(out_, back ? "ROLLBACK" : "RELEASE");
  }
  return Ran::Done;
}

ModelServer::Ran ModelServer::run_rows(std::string_view text, Portal* portal, uint32_t limit) {
  const Rows rows = *rows_of(text);
  size_t sent = portal != nullptr ? portal->sent : 0;
  size_t now = 0;
  if (rows.noisy) notice("01000", "listen");
  while (sent < rows.rows && (limit == 0 || now < limit)) {
    std::vector<std::string> cells;
    for (size_t c = 0; c < rows.columns; ++c) {
      if (rows.cards) {
        cells.push_back(fmt::format("{}: {}{}", sent, gateway_ && masks_ ? masked_card : card,
                                    std::string(rows.size, 'x').insert(0, rows.size == 0 ? 0 : 1, ' ')));
      } else {
        cells.emplace_back(rows.size, static_cast<char>('a' + (sent + c) % 26));
      }
    }
    std::vector<std::string_view> views(cells.begin(), cells.end());
    build::data_row(out_, views);
    ++sent;
    ++now;
  }
  if (portal != nullptr) portal->sent = sent;
  // A portal that gave exactly as many rows as were asked for does not know yet that it is at its end.
  if (limit != 0 && now == limit) {
    build::portal_suspended(out_);
    return Ran::Done;
  }
  if (rows.fails) return error("22012", "division by zero");
  build::command_complete(out_, fmt::format("SELECT {}", now));
  return Ran::Done;
}

ModelServer::Ran ModelServer::run(std::string_view text, Portal* portal, uint32_t limit) {
  if (transaction_ == 'E' && !ends_transaction(text)) return error("25P02", "current transaction is aborted");
  if (portal != nullptr && !rows_of(text)) {
    if (portal->finished) return error("55000", "portal cannot be run");
    portal->finished = true;
  }
  if (is_transaction(text)) return run_transaction(text);
  if (text.starts_with("select * from missing")) return error("42P01", "relation does not exist");
  if (rows_of(text)) {
    if (portal == nullptr) describe_rows(text);
    return run_rows(text, portal, limit);
  }
  if (is_copy_in(text)) {
    copy_response(out_, 'G');
    copying_ = true;
    copied_ = 0;
    return Ran::Copying;
  }
  if (is_copy_out(text)) {
    copy_response(out_, 'H');
    for (size_t i = 0; i < text.size() % 7; ++i) {
      const std::string_view seen = gateway_ && masks_ && i % 2 == 1 ? masked_card : i % 2 == 1 ? card : "none";
      bare(out_, 'd', fmt::format("{}: {} {}\n", i, seen, std::string(i * 900, 'o')));
    }
    bare(out_, 'c');
    build::command_complete(out_, fmt::format("COPY {}", text.size() % 7));
    return Ran::Done;
  }
  build::command_complete(out_, text.starts_with("insert") ? "INSERT 0 1" : "DONE");
  return Ran::Done;
}

void ModelServer::take_copy(const Message& message) {
  std::optional<std::pair<std::string_view, std::string_view>> failure;
  switch (message.type) {
    case 'd':
      ++copied_;
      if (message.body.starts_with("BAD")) failure.emplace("22P04", "bad copy data");
      break;
    case 'c':
      copying_ = false;
      build::command_complete(out_, fmt::format("COPY {}", copied_));
      if (in_query_) go_on_with_query();
      return;
    case 'f':
      failure.emplace("57014", "COPY from stdin failed");
      break;
    case 'X':
      terminated_ = true;
      return;
    default:  // Flush and Sync are dropped inside COPY.
      return;
  }
  if (!failure) return;
  copying_ = false;
  if (in_query_) {
    rest_.clear();
    (void)error(failure->first, failure->second);
    go_on_with_query();
  } else {
    extended_error(failure->first, failure->second);
  }
}

}  // namespace sluice::sim
