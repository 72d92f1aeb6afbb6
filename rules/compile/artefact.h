// A compiled rule set as one file: its sources, the Hyperscan databases made of them, a hash that finds damage and,
// where somebody signed it, a signature (docs/decisions/0014). Tables are made again from the sources; nothing but
// bytes that passed the hash reaches Hyperscan.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/signature.h"
#include "rules/compile/compile.h"

namespace sluice::rules {

// No UTF-8 text has the first byte; the line end finds files that were copied as text.
inline constexpr std::string_view artefact_magic = "\xF5SLRULE\n";
inline constexpr uint32_t artefact_format = 1;
inline constexpr size_t artefact_size_max = 64U << 20;

/// What a file must share with this program and machine for its databases to be used.
struct ArtefactStamp {
  std::string sluice;         ///< Version of the program that compiled it.
  std::string hyperscan;      ///< hs_version().
  uint64_t cpu_features = 0;  ///< hs_platform_info::cpu_features.
  bool operator==(const ArtefactStamp&) const = default;
};

struct Artefact {
  ArtefactStamp stamp;
  Digest hash{};  ///< source_hash() of `sources`.
  std::vector<SourceFile> sources;
  StoredDatabases databases;
  std::optional<PublicKey> signed_by;  ///< Whose signature it is, and it is good. Whether that key counts is the caller's.
};

/// This program on this machine.
[[nodiscard]] ArtefactStamp stamp_here();

/// It begins as one: no YAML file does.
[[nodiscard]] bool is_artefact(std::string_view bytes);

/// `key`: null for an unsigned one. Fails where it would be larger than artefact_size_max.
[[nodiscard]] Expected<std::vector<std::byte>> write_artefact(const ArtefactStamp& stamp, std::span<const SourceFile> sources,
                                                              const StoredDatabases& databases, const SigningKey* key);

/// Any bytes. Refused unless they are whole, unchanged, of artefact_format and, where signed, signed by the key they
/// name. The error is a sentence without the file's name.
[[nodiscard]] Expected<Artefact> read_artefact(Bytes bytes);

/// The set that compile() makes of the sources, with the databases of the file where its stamp is this machine's;
/// otherwise nullptr, and the caller compiles the sources.
[[nodiscard]] Expected<std::shared_ptr<const RuleSet>> load_artefact(const Artefact& artefact, CompileContext context,
                                                                     uint64_t generation, std::vector<std::string>* warnings);

}  // namespace sluice::rules
