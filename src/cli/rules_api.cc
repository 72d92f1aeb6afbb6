#include "cli/rules_api.h"

#include <nlohmann/json.hpp>

#include "control/status.h"

namespace sluice::cli {
namespace {

using control::AdminRequest;
using control::AdminResponse;
using nlohmann::json;
using nlohmann::ordered_json;

AdminResponse answer(uint16_t status, const ordered_json& body) {
  // What rules say may be any bytes: what is not UTF-8 is shown as such, never thrown about.
  return {status, "application/json", body.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n"};
}

AdminResponse refused(uint16_t status, std::string_view why) { return answer(status, {{"error", why}}); }

AdminResponse told(const Expected<PushResult>& result) {
  if (!result) return refused(409, result.error().message);
  ordered_json out{{"generation", result->generation},
                   {"hash", result->hash},
                   {"rules", result->rules},
                   {"warnings", result->warnings},
                   {"load_ms", result->load_ms},
                   {"last_lane_ms", nullptr},
                   {"cancelled", result->taken.cancelled}};
  if (result->taken.last_lane_ms) out["last_lane_ms"] = *result->taken.last_lane_ms;
  return answer(200, out);
}

/// Nothing but these members; `revoke` is a boolean where it is there.
bool has_only(const json& document, std::initializer_list<std::string_view> names) {
  if (!document.is_object()) return false;
  for (const auto& [name, value] : document.items()) {
    if (std::ranges::find(names, name) == names.end()) return false;
    if (name == "revoke" && !value.is_boolean()) return false;
  }
  return true;
}

bool revokes(const json& document) { return document.contains("revoke") && document["revoke"] == true; }

/// A rule file is text; a compiled one is not, and comes as base64.
std::optional<rules::SourceFile> source_of(const json& item) {
  if (!has_only(item, {"path", "text", "base64"}) || item.size() != 2 || !item.contains("path")) return std::nullopt;
  const bool is_text = item.contains("text");
  const json& content = item[is_text ? "text" : "base64"];
  if (!item["path"].is_string() || !content.is_string()) return std::nullopt;
  rules::SourceFile out{item["path"].get<std::string>(), {}};
  if (is_text) {
    out.text = content.get<std::string>();
    return out;
  }
  std::vector<std::byte> bytes;
  if (!base64_decode(content.get_ref<const std::string&>(), bytes)) return std::nullopt;
  out.text = as_text(bytes);
  return out;
}

AdminResponse push(Reloader& reloader, const json& document) {
  if (!has_only(document, {"sources", "revoke"}) || !document.contains("sources") ||
      !document["sources"].is_array() || document["sources"].size() > control::rule_files_max)
    return refused(400, "expected {\"sources\": [{\"path\": …, \"text\": …}], \"revoke\": true or false}");
  std::vector<rules::SourceFile> sources;
  for (const json& item : document["sources"]) {
    auto source = source_of(item);
    if (!source) return refused(400, "expected a path, and a text or base64, in each of sources");
    if (source->text.size() > rules::source_size_max && !rules::is_artefact(source->text))
      return refused(413, source->path + ": is larger than a rule file may be");
    sources.push_back(std::move(*source));
  }
  return told(reloader.push(std::move(sources), revokes(document)));
}

}  // namespace

control::AdminAnswer rules_answers(Reloader& reloader, DataPlane& data_plane) {
  return [&reloader, &data_plane](const AdminRequest& request) -> AdminResponse {
    const bool rules = request.path == "/v1/rules";
    if (!rules && request.path != "/v1/rules/rollback") return refused(404, "here are /v1/rules and /v1/rules/rollback");
    if (!request.post) {
      if (!rules) return refused(405, "a rollback is a POST");
      return {200, "application/json", control::render_rules(reloader.status(), data_plane.live_generations())};
    }
    const json document = json::parse(request.body, nullptr, false);
    if (rules) return push(reloader, document);
    if (!has_only(document, {"revoke"})) return refused(400, "expected {\"revoke\": true or false}");
    return told(reloader.rollback(revokes(document)));
  };
}

}  // namespace sluice::cli
