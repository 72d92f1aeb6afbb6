// What psql 15 and pgbench 15 said to PostgreSQL 15, and what it answered, taken off the wire: the
// oracle for what peers really send. Role scram_known, password "correct horse", without TLS.
//   psql: temporary table, COPY both ways and binary, errors in a transaction, NOTICE, NOTIFY, an empty query.
//   pgbench: -M prepared, with a pipeline.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>

#include "protocols/postgres/build.h"
#include "protocols/postgres/frame.h"
#include "protocols/postgres/messages.h"
#include "protocols/postgres/scram.h"
#include "protocols/postgres/startup.h"
#include "tests/unit/protocols/postgres/wire.h"

namespace sluice::pg {
namespace {
using namespace test;

struct Message {
  char type = 0;
  std::string body;
};

std::string captured(const std::string& name) {
  std::ifstream file(std::string(CAPTURED_FOLDER) + "/" + name, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_FALSE(bytes.empty()) << name;
  return bytes;
}

std::string startup_packet(const std::string& wire) {
  const auto size = startup_packet_size(as_bytes(wire));
  return wire.substr(0, **size);
}

std::vector<Message> frontend_messages_of(const std::string& wire) {
  std::vector<Message> messages;
  std::string_view rest = std::string_view(wire).substr(startup_packet(wire).size());
  while (!rest.empty()) {
    const Phase phase = rest[0] == 'p' ? Phase::Authentication : Phase::Ready;
    const auto got = frontend_header(as_bytes(rest), phase, {256U << 10, 1U << 20});
    if (!got || !*got || (*got)->frame_size() > rest.size()) {
      ADD_FAILURE() << "at " << wire.size() - rest.size();
      break;
    }
    messages.push_back({rest[0], std::string(rest.substr(header_size, (*got)->body_size))});
    rest.remove_prefix((*got)->frame_size());
  }
  return messages;
}

std::vector<Message> backend_messages_of(const std::string& wire) {
  std::vector<Message> messages;
  std::string_view rest = wire;
  while (!rest.empty()) {
    const auto got = backend_header(as_bytes(rest));
    if (!got || !*got || (*got)->frame_size() > rest.size()) {
      ADD_FAILURE() << "at " << wire.size() - rest.size();
      break;
    }
    messages.push_back({rest[0], std::string(rest.substr(header_size, (*got)->body_size))});
    rest.remove_prefix((*got)->frame_size());
  }
  return messages;
}

/// The message built again from what was parsed; empty where there is no builder for all of it.
std::vector<std::byte> rebuilt(const Message& message) {
  const Bytes body = as_bytes(message.body);
  std::vector<std::byte> out;
  switch (message.type) {
    case 'Q': build::query(out, parse_query(body)->text); break;
    case 'P': {
      const auto got = parse_parse(body);
      build::parse(out, got->name, got->text, got->types);
      break;
    }
    case 'D': build::describe_portal(out, parse_named_object(body)->name); break;
    case 'E': build::execute(out, parse_execute(body)->portal, parse_execute(body)->row_limit); break;
    case 'S': build::sync(out); break;
    case 'X': build::terminate(out); break;
    default: break;
  }
  return out;
}

TEST(PgCaptured, every_message_of_a_real_client_parses_and_is_rebuilt_the_same) {
  std::map<char, int> seen;
  for (const char* name : {"psql.frontend", "pgbench.frontend"}) {
    for (const Message& message : frontend_messages_of(captured(name))) {
      ++seen[message.type];
      if (message.type == 'B') {
        BindView bind;
        EXPECT_TRUE(parse_bind(as_bytes(message.body), bind));
        EXPECT_EQ(bind_names(as_bytes(message.body))->second, bind.statement);
        EXPECT_LE(bind.parameters.size(), 1U);
      }
      const auto again = rebuilt(message);
      if (!again.empty()) {
        EXPECT_EQ(text_of(again), frame(message.type, message.body));
      }
    }
  }
  for (const char type : "pQPBDESdcX"sv) EXPECT_GT(seen[type], 0) << type << " is in no capture";
}

TEST(PgCaptured, a_real_startup_packet_passes_the_allow_list_and_is_rebuilt_the_same) {
  for (const char* name : {"psql.frontend", "pgbench.frontend"}) {
    const std::string packet = startup_packet(captured(name));
    const auto got = parse_startup(as_bytes(packet));
    ASSERT_TRUE(got) << explain(got.error());
    const auto& message = std::get<StartupMessage>(*got);
    const auto options = apply_startup_allow_list(message);
    ASSERT_TRUE(options) << options.error().message;
    EXPECT_EQ(options->user, "scram_known");
    EXPECT_EQ(options->database, "postgres");
    std::vector<std::byte> again;
    ASSERT_TRUE(build::startup_message(again, message.parameters));
    EXPECT_EQ(text_of(again), packet);
  }
}

bool backend_parses(const Message& message) {
  const Bytes body = as_bytes(message.body);
  ResultShape shape;
  ErrorFields error;
  std::vector<CellView> cells;
  std::vector<uint32_t> types;
  switch (static_cast<Backend>(message.type)) {
    case Backend::Authentication: return parse_authentication(body).has_value();
    case Backend::BackendKeyData: return parse_backend_key_data(body).has_value();
    case Backend::CommandComplete: return parse_command_complete(body).has_value();
    case Backend::CopyInResponse:
    case Backend::CopyOutResponse:
    case Backend::CopyBothResponse: return parse_copy_response(body).has_value();
    case Backend::DataRow: return parse_data_row(body, cells);
    case Backend::ErrorResponse:
    case Backend::NoticeResponse: return parse_error(body, error);
    case Backend::NegotiateProtocolVersion: return parse_negotiate_protocol_version(body).has_value();
    case Backend::NotificationResponse: return parse_notification(body).has_value();
    case Backend::ParameterDescription: return parse_parameter_description(body, types);
    case Backend::ParameterStatus: return parse_parameter_status(body).has_value();
    case Backend::ReadyForQuery: return parse_ready_for_query(body).has_value();
    case Backend::RowDescription: return parse_row_description(body, shape);
    case Backend::CopyData:
    case Backend::FunctionCallResponse: return true;
    case Backend::BindComplete:
    case Backend::CloseComplete:
    case Backend::CopyDone:
    case Backend::EmptyQueryResponse:
    case Backend::NoData:
    case Backend::ParseComplete:
    case Backend::PortalSuspended: return body.empty();
  }
  return false;
}

TEST(PgCaptured, every_message_of_a_real_server_parses) {
  std::map<char, int> seen;
  for (const char* name : {"psql.backend", "pgbench.backend"}) {
    for (const Message& message : backend_messages_of(captured(name))) {
      ++seen[message.type];
      EXPECT_TRUE(backend_parses(message)) << message.type;
    }
  }
  for (const char type : "RKSZTDCIENA12GHdc"sv) EXPECT_GT(seen[type], 0) << type << " is in no capture";
}

/// SASL bodies of a captured login, client and server in turn.
struct SaslLogin {
  std::string client_first, server_first, client_final, server_final;
};
SaslLogin sasl_login(const std::string& name) {
  SaslLogin login;
  for (const Message& message : frontend_messages_of(captured(name + ".frontend"))) {
    if (message.type != 'p') continue;
    if (login.client_first.empty()) {
      login.client_first = parse_sasl_initial_response(as_bytes(message.body))->data;
    } else {
      login.client_final = *parse_sasl_response(as_bytes(message.body));
    }
  }
  for (const Message& message : backend_messages_of(captured(name + ".backend"))) {
    if (message.type != 'R') continue;
    const auto got = parse_authentication(as_bytes(message.body));
    if (got->kind == AuthenticationKind::SaslContinue) login.server_first = got->data;
    if (got->kind == AuthenticationKind::SaslFinal) login.server_final = got->data;
  }
  return login;
}

TEST(PgCaptured, our_scram_client_says_what_libpq_said_and_believes_the_server) {
  for (const char* name : {"psql", "pgbench"}) {
    const SaslLogin login = sasl_login(name);
    ScramClient client("correct horse", {});
    client.use_nonce_for_test(login.client_first.substr(login.client_first.find("r=") + 2));
    ASSERT_TRUE(client.choose(std::vector{scram_sha_256}));
    EXPECT_EQ(client.first(), login.client_first);
    const auto proof = client.proof(login.server_first);
    ASSERT_TRUE(proof) << explain(proof.error());
    EXPECT_EQ(*proof, login.client_final);
    EXPECT_TRUE(client.finish(login.server_final));
  }
}

TEST(PgCaptured, our_scram_server_says_what_postgresql_said_from_the_verifier_it_stored) {
  ScramSubject subject{{}, 4096, {{"stored", {}}}};
  // pg_authid.rolpassword: SCRAM-SHA-256$4096:salt$StoredKey:ServerKey.
  std::vector<std::byte> stored_key;
  std::vector<std::byte> server_key;
  ASSERT_TRUE(base64_decode("/0ctER3mYJmP7NruMdRREA==", subject.salt));
  ASSERT_TRUE(base64_decode("dsGQ+n2hAmD3tOnZwUamiuBwxkOKwyaXMOBaqrcb/sY=", stored_key));
  ASSERT_TRUE(base64_decode("nJgbudg5oJUCtuYkZyzm6bxJML2cEr/YET5sJdsMwuY=", server_key));
  std::ranges::copy(stored_key, subject.keys[0].keys.stored_key.begin());
  std::ranges::copy(server_key, subject.keys[0].keys.server_key.begin());
  for (const char* name : {"psql", "pgbench"}) {
    const SaslLogin login = sasl_login(name);
    const std::string client_nonce = login.client_first.substr(login.client_first.find("r=") + 2);
    const size_t end = login.server_first.find(',');
    ScramServer server(subject, {});
    server.use_nonce_for_test(login.server_first.substr(2 + client_nonce.size(), end - 2 - client_nonce.size()));
    const auto first = server.first(scram_sha_256, login.client_first);
    ASSERT_TRUE(first) << explain(first.error());
    EXPECT_EQ(*first, login.server_first);
    const auto last = server.finish(login.client_final);
    ASSERT_TRUE(last) << explain(last.error());
    EXPECT_EQ(*last, login.server_final);
  }
}

}  // namespace
}  // namespace sluice::pg
