#include "rules/detect/secrets.h"

#include <algorithm>
#include <array>

#include "base/crypto.h"
#include "rules/detect/checks.h"
#include "rules/detect/context.h"

namespace sluice::rules {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
bool is_alnum(char c) { return is_digit(c) || is_letter(c); }
bool is_word(char c) { return is_alnum(c) || c == '_' || c == '-'; }
bool is_visible(char c) { return c > ' ' && c != '\x7f' && c != '"' && c != '\'' && c != '<' && c != '>' && c != '\\'; }

bool is_in(char c, Charset charset) {
  switch (charset) {
    case Charset::Hex: return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
    case Charset::Base62: return is_alnum(c);
    case Charset::Word: return is_word(c);
    case Charset::Base64: return is_word(c) || c == '+' || c == '/' || c == '=';
    case Charset::Dotted: return is_word(c) || c == '.';
  }
  return false;
}

size_t count_in(std::string_view text, Charset charset, size_t max) {
  size_t count = 0;
  while (count < text.size() && count < max && is_in(text[count], charset)) count += 1;
  return count;
}

// Without padding, in either alphabet. False: not base64.
bool decode_loosely(std::string_view text, std::string& out) {
  std::string padded(text);
  std::ranges::replace(padded, '-', '+');
  std::ranges::replace(padded, '_', '/');
  while (padded.ends_with('=')) padded.pop_back();
  padded.append((4 - padded.size() % 4) % 4, '=');
  std::vector<std::byte> bytes;
  if (!base64_decode(padded, bytes)) return false;
  out.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return true;
}

// Words that stand where a password would in documents.
bool is_placeholder(std::string_view password) {
  constexpr std::string_view words[] = {"password", "pass", "secret", "xxx", "xxxx", "***", "changeme", "your_password"};
  if (password.empty() || password.starts_with('$') || password.starts_with('<') || password.starts_with('{')) return true;
  std::string lower(password);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return std::ranges::find(words, lower) != std::end(words) || lower.find_first_not_of('*') == std::string::npos;
}

// How much of `text` belongs to a header's value: base64 and what tokens are made of.
size_t credential_size(std::string_view text) {
  size_t size = 0;
  while (size < text.size() && size < secret_size_max && (is_in(text[size], Charset::Base64) || text[size] == '.' || text[size] == '~')) {
    size += 1;
  }
  return size;
}

}  // namespace

bool github_checksum(std::string_view token) {
  constexpr std::string_view alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr size_t prefix = 4;
  constexpr size_t tail = 6;
  if (token.size() != 40) return false;
  uint32_t crc = 0xFFFFFFFF;  // CRC-32 as zlib has it: thirty bytes, so bit by bit will do.
  for (const char c : token.substr(prefix, token.size() - prefix - tail)) {
    crc ^= static_cast<uint8_t>(c);
    for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320U : 0U);
  }
  crc = ~crc;
  std::array<char, tail> expected{};
  for (auto digit = expected.rbegin(); digit != expected.rend(); ++digit, crc /= 62) *digit = alphabet[crc % 62];
  return token.ends_with(std::string_view(expected.data(), expected.size()));
}

namespace extend {

std::optional<Match> prefixed(const Trigger& trigger, std::string_view text, size_t to) {
  if (to < trigger.prefix_size) return std::nullopt;
  const size_t begin = to - trigger.prefix_size;
  if (begin > 0 && (is_alnum(text[begin - 1]) || text[begin - 1] == '_')) return std::nullopt;
  const size_t tail = count_in(text.substr(to), trigger.charset, size_t{trigger.tail_max} + 1);
  if (tail < trigger.tail_min || tail > trigger.tail_max) return std::nullopt;
  const auto value = text.substr(begin, trigger.prefix_size + tail);
  if (entropy(text.substr(to, tail)) < trigger.entropy_min) return std::nullopt;
  if (trigger.judge != nullptr && !trigger.judge(value)) return std::nullopt;
  return Match{begin, to + tail, DataType::None};
}

std::optional<Match> email(const Trigger&, std::string_view text, size_t to) {
  constexpr size_t behind = 2;  // From the '@' to the end of the trigger.
  auto match = to < behind ? std::nullopt : email_at(text, to - behind);
  if (match) match->type = DataType::None;
  return match;
}

// Three parts with dots between; the first is an object that names its algorithm. RFC 7515 section 3.1.
std::optional<Match> jwt(const Trigger&, std::string_view text, size_t to) {
  constexpr size_t prefix = 3;  // `eyJ`: a brace, a quote and the next byte's upper bits.
  const size_t begin = to - prefix;
  if (begin > 0 && is_word(text[begin - 1])) return std::nullopt;
  size_t ends[3];
  size_t at = begin;
  for (size_t part = 0; part < 3; ++part) {
    const size_t size = count_in(text.substr(at), Charset::Word, secret_size_max);
    if (size < (part == 2 ? 0 : 10)) return std::nullopt;
    ends[part] = at + size;
    at = ends[part] + 1;
    if (part < 2 && (ends[part] >= text.size() || text[ends[part]] != '.')) return std::nullopt;
  }
  std::string header;
  if (!decode_loosely(text.substr(begin, ends[0] - begin), header)) return std::nullopt;
  if (header.find("\"alg\"") == std::string::npos || !header.ends_with('}')) return std::nullopt;
  return Match{begin, ends[2], DataType::None};
}

// RFC 7468: five dashes, a label, five dashes, base64, and the same again. What is cut off counts as well.
std::optional<Match> private_key(const Trigger&, std::string_view text, size_t to) {
  constexpr std::string_view dashes = "-----";
  constexpr std::string_view opening = "-----BEGIN ";
  constexpr size_t label_max = 40;
  const size_t earliest = to > label_max + opening.size() ? to - label_max - opening.size() : 0;
  const auto label = text.substr(earliest, to - earliest);
  const size_t back = label.rfind(opening);
  if (back == std::string_view::npos || label.find(cell_separator, back) != std::string_view::npos) return std::nullopt;
  auto rest = text.substr(to, std::min<size_t>(text.size() - to, secret_size_max));
  rest = rest.substr(0, rest.find(cell_separator));
  constexpr size_t body_min = 64;
  size_t body = 0;
  size_t end = 0;
  for (; end < rest.size() && !rest.substr(end).starts_with(dashes); ++end) {
    body += is_in(rest[end], Charset::Base64) ? 1 : 0;
  }
  if (body < body_min) return std::nullopt;
  if (rest.substr(end).starts_with("-----END ")) {
    const size_t closing = rest.substr(0, end + label_max + opening.size()).find(dashes, end + dashes.size());
    if (closing != std::string_view::npos) end = closing + dashes.size();
  }
  return Match{earliest + back, to + end, DataType::None};
}

// scheme://user:password@host
std::optional<Match> url_password(const Trigger&, std::string_view text, size_t to) {
  constexpr size_t part_max = 256;
  size_t begin = to - 3;
  while (begin > 0 && (is_alnum(text[begin - 1]) || text[begin - 1] == '+')) begin -= 1;
  size_t colon = 0;
  size_t at = 0;
  size_t end = to;
  for (; end < text.size() && is_visible(text[end]) && end - to < 4 * part_max; ++end) {
    if (at == 0 && text[end] == ':' && colon == 0) colon = end;
    if (at == 0 && text[end] == '/') break;
    if (text[end] == '@') at = end;
  }
  if (colon == 0 || at <= colon || at + 1 >= text.size() || !is_visible(text[at + 1])) return std::nullopt;
  if (is_placeholder(text.substr(colon + 1, at - colon - 1))) return std::nullopt;
  while (end < text.size() && is_visible(text[end]) && end - to < 4 * part_max) end += 1;
  return Match{begin, end, DataType::None};
}

std::optional<Match> basic_auth(const Trigger&, std::string_view text, size_t to) {
  size_t begin = to;
  while (begin < text.size() && text[begin] == ' ') begin += 1;
  const size_t size = credential_size(text.substr(begin));
  std::string decoded;
  if (size < 8 || !decode_loosely(text.substr(begin, size), decoded)) return std::nullopt;
  const size_t colon = decoded.find(':');
  if (colon == std::string::npos || is_placeholder(std::string_view(decoded).substr(colon + 1))) return std::nullopt;
  return Match{begin, begin + size, DataType::None};
}

std::optional<Match> bearer_auth(const Trigger&, std::string_view text, size_t to) {
  size_t begin = to;
  while (begin < text.size() && text[begin] == ' ') begin += 1;
  const size_t size = credential_size(text.substr(begin));
  if (size < 16 || entropy(text.substr(begin, size)) < 3) return std::nullopt;
  return Match{begin, begin + size, DataType::None};
}

// `sk-`, twenty or more, the trigger, twenty or more.
std::optional<Match> openai_key(const Trigger& trigger, std::string_view text, size_t to) {
  constexpr size_t half_min = 20;
  constexpr size_t half_max = 90;
  size_t begin = to - trigger.prefix_size;
  while (begin > 0 && to - begin < half_max + trigger.prefix_size && is_word(text[begin - 1])) begin -= 1;
  const size_t back = text.substr(begin, to - begin).find("sk-");
  const size_t tail = count_in(text.substr(to), Charset::Word, half_max);
  if (back == std::string_view::npos || tail < half_min) return std::nullopt;
  begin += back;
  if (to - trigger.prefix_size < begin + half_min) return std::nullopt;
  return Match{begin, to + tail, DataType::None};
}

// Fourteen, `.atlasv1.`, sixty to seventy.
std::optional<Match> terraform_token(const Trigger& trigger, std::string_view text, size_t to) {
  constexpr size_t head = 14;
  if (to < trigger.prefix_size + head) return std::nullopt;
  const size_t begin = to - trigger.prefix_size - head;
  if (count_in(text.substr(begin, head), Charset::Base62, head) != head) return std::nullopt;
  const size_t tail = count_in(text.substr(to), Charset::Base64, 71);
  if (tail < 60 || tail > 70) return std::nullopt;
  return Match{begin, to + tail, DataType::None};
}

// crypt(3) and its kin: `$2b$12$…`, `$argon2id$…`, `$6$salt$…`, `SCRAM-SHA-256$4096:…`.
std::optional<Match> password_hash(const Trigger&, std::string_view text, size_t to) {
  constexpr std::string_view scram = "SCRAM-SHA-256$";
  constexpr size_t hash_min = 40;
  constexpr size_t hash_max = 256;
  const auto trigger_text = text.substr(0, to);
  const size_t begin = trigger_text.ends_with(scram) ? to - scram.size() : trigger_text.rfind('$', to - 2);
  size_t end = to;
  const auto is_of = [](char c) { return is_alnum(c) || std::string_view("$./+=:,-").find(c) != std::string_view::npos; };
  while (end < text.size() && end - to < hash_max && is_of(text[end])) end += 1;
  if (begin == std::string_view::npos || end - to < hash_min) return std::nullopt;
  return Match{begin, end, DataType::None};
}

}  // namespace extend
}  // namespace sluice::rules
