// How failures travel. Two kinds, never mixed: a peer's or an operator's surprise is a value the
// caller must handle (Expected); a broken invariant of ours is SLUICE_ASSERT.
#pragma once
#include <expected>
#include <string>
#include <utility>

namespace sluice {

template <typename T, typename E>
using Result = std::expected<T, E>;

/// A sentence for a person: what went wrong, where, and what to do. Never holds a secret.
struct Error {
  std::string message;
};

/// For cold paths (configuration, files, set-up). Data paths use Result with an enum.
template <typename T>
using Expected = std::expected<T, Error>;

inline std::unexpected<Error> fail(std::string message) { return std::unexpected(Error{std::move(message)}); }

}  // namespace sluice
