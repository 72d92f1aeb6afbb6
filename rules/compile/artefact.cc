#include "base/text.h"
#include "rules/compile/artefact.h"

#include <fmt/format.h>
#include <hs/hs.h>

#include <algorithm>

namespace sluice::rules {
namespace {

constexpr size_t head_size = artefact_magic.size() + 4 + 4;  // Magic, format, size of the body.
constexpr size_t hash_size = sizeof(Digest);
constexpr size_t signed_size = 1 + sizeof(PublicKey) + sizeof(Signature);
constexpr size_t path_size_max = 4096;
constexpr size_t version_size_max = 128;
constexpr size_t groups_max = data_types_max;

constexpr std::string_view damaged = "the compiled rules are cut off or damaged: copy or compile them again";

void write_block(ByteWriter& out, Bytes bytes) {
  out.u32(static_cast<uint32_t>(bytes.size()));
  out.bytes(bytes);
}

void write_u64(ByteWriter& out, uint64_t v) {
  out.u32(static_cast<uint32_t>(v >> 32));
  out.u32(static_cast<uint32_t>(v));
}

/// Reads fields until the first that is not there or too large; what it gives after that means nothing.
class Fields {
 public:
  explicit Fields(Bytes input) : reader_(input) {}
  uint32_t number(uint64_t max) {
    const auto v = reader_.u32();
    good_ = good_ && v && *v <= max;
    return good_ ? *v : 0;
  }
  uint64_t wide() {
    const uint64_t high = number(UINT32_MAX);
    return high << 32 | number(UINT32_MAX);
  }
  Bytes block(size_t size_max) {
    const size_t size = number(size_max);
    const auto v = reader_.bytes(size);
    good_ = good_ && v;
    return good_ ? *v : Bytes();
  }
  std::string text(size_t size_max) { return std::string(as_text(block(size_max))); }
  Digest digest() {
    Digest out{};
    const auto v = reader_.bytes(out.size());
    good_ = good_ && v;
    if (good_) std::ranges::copy(*v, out.begin());
    return out;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool over() const { return good_ && reader_.empty(); }

 private:
  ByteReader reader_;
  bool good_ = true;
};

std::vector<std::byte> copy_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

void write_databases(ByteWriter& out, const StoredDatabases& databases) {
  out.bytes(databases.expressions);
  for (const std::vector<std::byte>& pattern : databases.patterns) write_block(out, pattern);
  out.u32(static_cast<uint32_t>(databases.triggers.size()));
  for (const TriggerBlob& group : databases.triggers) {
    out.u32(static_cast<uint32_t>(group.types.size()));
    for (const DataType type : group.types) out.u32(static_cast<uint32_t>(type));
    write_block(out, group.bytes);
  }
}

StoredDatabases read_databases(Fields& in) {
  StoredDatabases out{.expressions = in.digest()};
  for (std::vector<std::byte>& pattern : out.patterns) pattern = copy_of(in.block(artefact_size_max));
  const size_t groups = in.number(groups_max);
  for (size_t i = 0; i < groups && in.good(); ++i) {
    TriggerBlob group;
    const size_t types = in.number(data_types_max);
    for (size_t k = 0; k < types && in.good(); ++k) {
      group.types.push_back(static_cast<DataType>(in.number(data_types_max - 1)));
    }
    group.bytes = copy_of(in.block(artefact_size_max));
    out.triggers.push_back(std::move(group));
  }
  return out;
}

std::optional<Artefact> read_body(Bytes body) {
  Fields in(body);
  Artefact out;
  out.stamp.sluice = in.text(version_size_max);
  out.stamp.hyperscan = in.text(version_size_max);
  out.stamp.cpu_features = in.wide();
  out.hash = in.digest();
  const size_t files = in.number(source_files_max);
  for (size_t i = 0; i < files && in.good(); ++i) {
    std::string path = in.text(path_size_max);
    out.sources.push_back({std::move(path), in.text(source_size_max)});
  }
  out.databases = read_databases(in);
  if (!in.over() || out.hash != source_hash(out.sources)) return std::nullopt;
  return out;
}

}  // namespace

ArtefactStamp stamp_here() {
  hs_platform_info_t platform{};
  // Without SSSE3 it fails, and nothing compiled can be used either.
  (void)hs_populate_platform(&platform);
  return {.sluice = SLUICE_VERSION, .hyperscan = hs_version(), .cpu_features = platform.cpu_features};
}

bool is_artefact(std::string_view bytes) { return bytes.starts_with(artefact_magic); }

Expected<std::vector<std::byte>> write_artefact(const ArtefactStamp& stamp, std::span<const SourceFile> sources,
                                                const StoredDatabases& databases, const SigningKey* key) {
  for (const SourceFile& source : sources) {
    if (source.path.size() > path_size_max) {
      return fail(fmt::format("expected paths of at most {} bytes, found one of {}", path_size_max, source.path.size()));
    }
    if (source.text.size() > source_size_max) {
      return fail(fmt::format("{}:1:1: expected at most {} bytes, found {}", printable(source.path), source_size_max, source.text.size()));
    }
  }
  std::vector<std::byte> bytes;
  ByteWriter out(bytes);
  out.text(artefact_magic);
  out.u32(artefact_format);
  out.u32(0);
  for (const std::string_view version : {std::string_view(stamp.sluice), std::string_view(stamp.hyperscan)}) {
    write_block(out, as_bytes(version.substr(0, version_size_max)));
  }
  write_u64(out, stamp.cpu_features);
  out.bytes(source_hash(sources));
  out.u32(static_cast<uint32_t>(sources.size()));
  for (const SourceFile& source : sources) {
    write_block(out, as_bytes(source.path));
    write_block(out, as_bytes(source.text));
  }
  write_databases(out, databases);
  if (bytes.size() + hash_size + signed_size > artefact_size_max) {
    return fail(fmt::format("the compiled rules would be {} bytes, and at most {} can be loaded: divide the rules",
                            bytes.size(), artefact_size_max));
  }
  out.patch_u32(head_size - 4, static_cast<uint32_t>(bytes.size() - head_size));
  const Digest hash = sha256(bytes);
  out.bytes(hash);
  if (key == nullptr) {
    out.u8(0);
    return bytes;
  }
  const Signature signature = sign(*key, bytes);
  out.u8(1);
  out.bytes(key->public_key);
  out.bytes(signature);
  return bytes;
}

Expected<Artefact> read_artefact(Bytes bytes) {
  if (!is_artefact(as_text(bytes))) return fail("expected compiled rules, found something else");
  if (bytes.size() < head_size) return fail(std::string(damaged));
  const uint32_t format = load_u32(bytes.data() + artefact_magic.size());
  if (format != artefact_format) {
    return fail(fmt::format("expected compiled rules of format {}, found format {}: compile them with sluice {}", artefact_format,
                            format, SLUICE_VERSION));
  }
  const size_t body_size = load_u32(bytes.data() + head_size - 4);
  const size_t hashed = head_size + body_size;
  if (bytes.size() > artefact_size_max || bytes.size() < hashed + hash_size + 1) return fail(std::string(damaged));
  if (!std::ranges::equal(sha256(bytes.first(hashed)), bytes.subspan(hashed, hash_size))) return fail(std::string(damaged));
  const Bytes rest = bytes.subspan(hashed + hash_size);
  const bool is_signed = rest[0] == std::byte{1};
  if (rest.size() != (is_signed ? signed_size : 1) || (!is_signed && rest[0] != std::byte{0})) return fail(std::string(damaged));

  auto artefact = read_body(bytes.subspan(head_size, body_size));
  if (!artefact) return fail(std::string(damaged));
  if (is_signed) {
    PublicKey key{};
    Signature signature{};
    std::ranges::copy(rest.subspan(1, key.size()), key.begin());
    std::ranges::copy(rest.subspan(1 + key.size()), signature.begin());
    if (!verify(key, bytes.first(hashed + hash_size), signature)) {
      return fail("the compiled rules were changed after they were signed, or their signature was: get them again");
    }
    artefact->signed_by = key;
  }
  return std::move(*artefact);
}

Expected<std::shared_ptr<const RuleSet>> load_artefact(const Artefact& artefact, CompileContext context, uint64_t generation,
                                                       std::vector<std::string>* warnings) {
  if (artefact.stamp != stamp_here()) return nullptr;
  context.stored = &artefact.databases;
  return compile(artefact.sources, context, generation, warnings);
}

}  // namespace sluice::rules
