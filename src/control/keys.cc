#include "control/keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "control/keys_file.h"

namespace sluice::control {
namespace {

constexpr size_t id_size = 12;
constexpr size_t secret_size = 43;
constexpr size_t check_size = 8;
static_assert(access_key_prefix.size() + id_size + 1 + secret_size + check_size == access_key_size);

std::string base64url(Bytes data) {
  std::string out = base64_encode(data);
  while (!out.empty() && out.back() == '=') out.pop_back();
  for (char& c : out) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return out;
}

std::string check_digits(std::string_view text) { return fmt::format("{:08x}", crc32c(as_bytes(text))); }

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string make_id(const std::vector<AccessSubject>& subjects) {
  for (;;) {
    std::array<std::byte, id_size / 2> raw;
    random_bytes(raw);
    std::string id = hex_encode(raw);
    const auto used = [&](const AccessSubject& s) { return std::ranges::find(s.keys, id, &AccessKey::id) != s.keys.end(); };
    if (!std::ranges::any_of(subjects, used)) return id;
  }
}

Secret make_key(std::string_view id) {
  Digest secret;
  random_bytes(secret);
  std::string encoded = base64url(secret);
  wipe(secret);
  std::string text = fmt::format("{}{}_{}", access_key_prefix, id, encoded);
  Secret out(text + check_digits(text));
  wipe(encoded);
  wipe(text);
  return out;
}

Expected<AccessSubject*> subject_for(std::vector<AccessSubject>& subjects, const NewKey& wanted) {
  const auto at = std::ranges::find(subjects, wanted.subject, &AccessSubject::subject);
  if (at == subjects.end()) {
    if (subjects.size() >= key_subjects_max) return fail(fmt::format("at most {} subjects fit one keys file", key_subjects_max));
    AccessSubject& made = subjects.emplace_back();
    made.subject = wanted.subject;
    made.groups = wanted.groups;
    made.kind = wanted.kind;
    made.iterations = access_key_iterations;
    made.salt.resize(access_key_salt_size);
    random_bytes(made.salt);
    return &made;
  }
  if (wanted.replace_groups) {
    at->groups = wanted.groups;
  } else if (!wanted.groups.empty() && wanted.groups != at->groups) {
    return fail(fmt::format("{} exists with other groups: leave --groups out to add a key, or add --replace-groups to "
                            "change the groups of all its keys",
                            printable(wanted.subject)));
  }
  if (!wanted.kind.empty()) at->kind = wanted.kind;
  if (at->keys.size() >= keys_per_subject_max) {
    return fail(fmt::format("{} has {} keys already: use another subject", printable(wanted.subject), at->keys.size()));
  }
  return &*at;
}

}  // namespace

bool looks_like_access_key(std::string_view text) {
  if (text.size() != access_key_size || !text.starts_with(access_key_prefix)) return false;
  if (!is_hex(text.substr(access_key_prefix.size(), id_size)) || text[access_key_prefix.size() + id_size] != '_') {
    return false;
  }
  const size_t body = access_key_size - check_size;
  const std::string want = check_digits(text.substr(0, body));
  return equal_constant_time(as_bytes(want), as_bytes(text.substr(body)));
}

ScramVerifier scram_verifier(std::string_view password, Bytes salt, uint32_t iterations) {
  Digest salted = pbkdf2_sha256(password, salt, iterations);
  Digest client_key = hmac_sha256(salted, as_bytes("Client Key"));
  ScramVerifier out;
  out.stored_key = sha256(client_key);
  out.server_key = hmac_sha256(salted, as_bytes("Server Key"));
  wipe(salted);
  wipe(client_key);
  return out;
}

Expected<CreatedKey> create_key(const std::string& path, const NewKey& wanted) {
  if (auto bad = check_subject_name(wanted.subject)) return fail(*bad);
  for (const std::string& group : wanted.groups) {
    if (auto bad = check_group_name(group)) return fail(*bad);
  }
  CreatedKey out;
  const auto change = [&](std::vector<AccessSubject>& subjects) -> Expected<void> {
    const auto subject = subject_for(subjects, wanted);
    if (!subject) return std::unexpected(subject.error());
    out.id = make_id(subjects);
    out.key = make_key(out.id);
    const auto verifier = scram_verifier(out.key.reveal(), (*subject)->salt, (*subject)->iterations);
    (*subject)->keys.push_back({out.id, verifier.stored_key, verifier.server_key, wanted.expires_unix_s, false});
    return {};
  };
  const auto done = change_keys_file(path, change);
  if (!done) return std::unexpected(done.error());
  return out;
}

Expected<void> revoke_key(const std::string& path, std::string_view id) {
  return change_keys_file(path, [&](std::vector<AccessSubject>& subjects) -> Expected<void> {
    for (AccessSubject& s : subjects) {
      for (AccessKey& k : s.keys) {
        if (k.id != id) continue;
        if (k.revoked) return fail(fmt::format("key {} is revoked already", k.id));
        k.revoked = true;
        return {};
      }
    }
    return fail(fmt::format("{}: no key {}: see sluice keys list", path, printable(id.substr(0, 80))));
  });
}

}  // namespace sluice::control
