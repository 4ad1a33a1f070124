/* Orders as they go, and as they go wrong: each row is what the authority
 * answers, one after the other. */
#include "acme/order.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/unit.h"

#define NOW   1787217120 /* 2026-08-20T09:12:00Z */
#define N(a)  ((int)(sizeof(a) / sizeof((a)[0])))
#define STEPS 40

struct answer {
	const char *url;  /* a part of what must be asked */
	const char *sent; /* a part of the payload; NULL: any; "-": not there */
	unsigned status;  /* 0: no answer comes */
	const char *body, *location, *retry_after;
	bool no_nonce;
};

#define DIR(more)                                                     \
	{                                                             \
		"/dir", NULL, 200,                                    \
		    "{\"newNonce\":\"https://ca.test/nonce\","        \
		    "\"newAccount\":\"https://ca.test/account\","     \
		    "\"newOrder\":\"https://ca.test/order\"" more "}" \
	}
#define ARI ",\"renewalInfo\":\"https://ca.test/ari\""
#define ACCOUNT                                                \
	{                                                      \
		"/account", "termsOfServiceAgreed", 201, "{}", \
		    "https://ca.test/me"                       \
	}
#define ORDER(status)                                     \
	"{\"status\":\"" status "\",\"authorizations\":[" \
	"\"https://ca.test/authz/1\"],\"finalize\":"      \
	"\"https://ca.test/finish\"}"
#define NEW_ORDER(status)                                                     \
	{                                                                     \
		"/order", "a.test", 201, ORDER(status), "https://ca.test/o/1" \
	}
#define AUTHZ(status, challenge, more)                                 \
	"{\"status\":\"" status "\",\"identifier\":{\"type\":\"dns\"," \
	"\"value\":\"a.test\"},\"challenges\":[{\"type\":\"dns-01\","  \
	"\"url\":\"https://ca.test/d\",\"token\":\"x\","               \
	"\"status\":\"pending\"},{\"type\":\"http-01\",\"status\":"    \
	"\"" challenge "\",\"url\":\"https://ca.test/chall/1\","       \
	"\"token\":\"tok-1\"" more "}]}"
/* Both are offered. */
#define BOTH(status, http, tls, more)                                  \
	"{\"status\":\"" status "\",\"identifier\":{\"type\":\"dns\"," \
	"\"value\":\"a.test\"},\"challenges\":[{\"type\":\"http-01\"," \
	"\"url\":\"https://ca.test/chall/1\",\"token\":\"tok-1\","     \
	"\"status\":\"" http "\"},{\"type\":\"tls-alpn-01\","          \
	"\"status\":\"" tls "\",\"url\":\"https://ca.test/chall/2\","  \
	"\"token\":\"tok-1\"" more "}]}"
#define TLS_ONLY(status, challenge)                                    \
	"{\"status\":\"" status "\",\"identifier\":{\"type\":\"dns\"," \
	"\"value\":\"a.test\"},\"challenges\":[{\"type\":"             \
	"\"tls-alpn-01\",\"status\":\"" challenge "\",\"url\":"        \
	"\"https://ca.test/chall/2\",\"token\":\"tok-1\"}]}"
#define PENDING                                                        \
	{                                                              \
		"/authz/1", NULL, 200, AUTHZ("pending", "pending", "") \
	}
#define CHALLENGE                           \
	{                                   \
		"/chall/1", "{}", 200, "{}" \
	}
#define VALID                                                      \
	{                                                          \
		"/authz/1", NULL, 200, AUTHZ("valid", "valid", "") \
	}
#define POLL(status)                             \
	{                                        \
		"/o/1", NULL, 200, ORDER(status) \
	}
#define FINISH(status)                               \
	{                                            \
		"/finish", "csr", 200, ORDER(status) \
	}
#define GOOD                                                             \
	"{\"status\":\"valid\",\"finalize\":\"https://ca.test/finish\"," \
	"\"certificate\":\"https://ca.test/cert\"}"
#define CERT                              \
	{                                 \
		"/cert", NULL, 200, "PEM" \
	}
#define PROBLEM(type, more)                            \
	"{\"type\":\"urn:ietf:params:acme:error:" type \
	"\",\"detail\":\"oh\"" more "}"
#define SAID(type, text)                                                       \
	"{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"" text \
	"\"}"
#define REST                                      \
	PENDING, CHALLENGE, VALID, POLL("ready"), \
	    {"/finish", "csr", 200, GOOD}, CERT
/* One that names no certificate to be replaced, and all that follows. */
#define PLAIN_ORDER                                                            \
	{"/order", "-replaces", 201, ORDER("pending"), "https://ca.test/o/1"}, \
	    REST

static const enum acme_way over_http = ACME_BY_HTTP;

static const struct row {
	const char *name;
	const char *account, *replaces;
	struct answer a[STEPS];
	const char *why;    /* a part of it; NULL: it succeeds */
	int64_t waited;	    /* at most, s; 0: any */
	int64_t wait_s;	    /* of the failure */
	const char *blamed; /* names */
	unsigned ways;	    /* bits; 0: over HTTP */
	enum acme_way way;  /* that is wanted */
	bool of_proof;	    /* another way may do better */
	unsigned names;	    /* 0: as many as is blamed needs */
} rows[] = {
    {.name = "over TLS",
	.ways = 3,
	.way = ACME_BY_TLS,
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"),
	    {"/authz/1", NULL, 200, BOTH("pending", "pending", "pending", "")},
	    {"/chall/2", "{}", 200, "{}"}, VALID, POLL("ready"),
	    {"/finish", "csr", 200, GOOD}, CERT}},
    {.name = "over HTTP, though TLS is offered",
	.ways = 3,
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"),
	    {"/authz/1", NULL, 200, BOTH("pending", "pending", "pending", "")},
	    CHALLENGE, VALID, POLL("ready"), {"/finish", "csr", 200, GOOD},
	    CERT}},
    {.name = "TLS is wanted, and HTTP alone offered",
	.ways = 3,
	.way = ACME_BY_TLS,
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"), REST}},
    {.name = "HTTP is wanted, and TLS alone offered",
	.ways = 3,
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"),
	    {"/authz/1", NULL, 200, TLS_ONLY("pending", "pending")},
	    {"/chall/2", "{}", 200, "{}"}, VALID, POLL("ready"),
	    {"/finish", "csr", 200, GOOD}, CERT}},
    {.name = "TLS alone is offered, and not set up",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"),
	    {"/authz/1", NULL, 200, TLS_ONLY("pending", "pending")}},
	.why = "in a way that is set up here (listen.http)",
	.blamed = "a.test"},
    {.name = "the other one is being looked at already",
	.ways = 3,
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"),
	    {"/authz/1", NULL, 200,
		BOTH("pending", "pending", "processing", "")},
	    VALID, POLL("ready"), {"/finish", "csr", 200, GOOD}, CERT}},
    {.name = "in vain over TLS",
	.ways = 3,
	.way = ACME_BY_TLS,
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"),
	    {"/authz/1", NULL, 200, BOTH("pending", "pending", "pending", "")},
	    {"/chall/2", "{}", 200, "{}"},
	    {"/authz/1", NULL, 200,
		BOTH("invalid", "pending", "invalid",
		    ",\"error\":" PROBLEM("connection", ""))}},
	.why = "port 443 must be open",
	.blamed = "a.test",
	.of_proof = true},
    {.name = "in vain over TLS, of which they say so",
	.ways = 2,
	.way = ACME_BY_TLS,
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"),
	    {"/authz/1", NULL, 200, TLS_ONLY("pending", "pending")},
	    {"/chall/2", "{}", 200, "{}"},
	    {"/authz/1", NULL, 200,
		BOTH("invalid", "pending", "invalid",
		    ",\"error\":" PROBLEM("tls", ""))}},
	.why = "get on with TLS at port 443 of a.test",
	.blamed = "a.test",
	.of_proof = true},
    {.name = "in vain, and no other way would help",
	.ways = 3,
	.way = ACME_BY_TLS,
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"),
	    {"/authz/1", NULL, 200, BOTH("pending", "pending", "pending", "")},
	    {"/chall/2", "{}", 200, "{}"},
	    {"/authz/1", NULL, 200,
		BOTH("invalid", "pending", "invalid",
		    ",\"error\":" PROBLEM("caa", ""))}},
	.why = "CAA record",
	.blamed = "a.test"},
    {.name = "the usual way",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"), REST}},
    {.name = "with an account",
	.account = "https://ca.test/me",
	.a = {DIR(""), NEW_ORDER("pending"), REST}},
    {.name = "the order is ready at once",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("ready"),
	    {"/finish", "csr", 200, GOOD}, CERT}},
    {.name = "the order is processing before and after",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"), PENDING, CHALLENGE, VALID,
	    POLL("processing"), POLL("pending"), POLL("ready"),
	    FINISH("processing"), POLL("processing"), {"/o/1", NULL, 200, GOOD},
	    CERT}},
    {.name = "it still says ready after it was finished",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("ready"), FINISH("ready"),
	    POLL("ready"), {"/o/1", NULL, 200, GOOD}, CERT}},
    {.name = "not ready though it has said so",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("ready"),
	    {"/finish", "csr", 403, PROBLEM("orderNotReady", "")},
	    POLL("processing"), POLL("ready"), {"/finish", "csr", 200, GOOD},
	    CERT}},
    {.name = "an authorization that is good already",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"), VALID, POLL("ready"),
	    {"/finish", "csr", 200, GOOD}, CERT}},
    {.name = "a challenge that is being looked at already",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"),
	    {"/authz/1", NULL, 200, AUTHZ("pending", "processing", "")}, VALID,
	    POLL("ready"), {"/finish", "csr", 200, GOOD}, CERT}},
    {.name = "they are broken: not the fault of the name",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"), PENDING,
	    {"/chall/1", NULL, 500, PROBLEM("serverInternal", "")},
	    {"/chall/1", NULL, 500, PROBLEM("serverInternal", "")},
	    {"/chall/1", NULL, 500, PROBLEM("serverInternal", "")},
	    {"/chall/1", NULL, 500, PROBLEM("serverInternal", "")}},
	.why = "",
	.blamed = ""},
    {.name = "a limit at a challenge: not the fault of the name",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"), PENDING,
	    {"/chall/1", NULL, 429, PROBLEM("rateLimited", ""), NULL, "9999"}},
	.why = "",
	.wait_s = 9999,
	.blamed = ""},
    {.name = "nonces are refused, but not for ever",
	.a = {DIR(""), {"/account", NULL, 400, PROBLEM("badNonce", "")},
	    {"/account", NULL, 400, PROBLEM("badNonce", "")},
	    {"/account", NULL, 400, PROBLEM("badNonce", ""), .no_nonce = true},
	    ACCOUNT, NEW_ORDER("pending"), REST}},
    {.name = "all nonces are refused",
	.a = {DIR(""), {"/account", NULL, 400, PROBLEM("badNonce", "")},
	    {"/account", NULL, 400, PROBLEM("badNonce", "")},
	    {"/account", NULL, 400, PROBLEM("badNonce", "")},
	    {"/account", NULL, 400, PROBLEM("badNonce", "")},
	    {"/account", NULL, 400, PROBLEM("badNonce", "")},
	    {"/account", NULL, 400, PROBLEM("badNonce", "")}},
	.why = "refuses"},
    {.name = "replaces",
	.replaces = "aki.serial",
	.a = {DIR(ARI), ACCOUNT,
	    {"/order", "\"replaces\":\"aki.serial\"", 201, ORDER("pending"),
		"https://ca.test/o/1"},
	    REST}},
    {.name = "no replaces without renewalInfo",
	.replaces = "aki.serial",
	.a = {DIR(""), ACCOUNT, PLAIN_ORDER}},
    {.name = "replaced already: 409",
	.replaces = "aki.serial",
	.a = {DIR(ARI), ACCOUNT,
	    {"/order", "\"replaces\"", 409, PROBLEM("alreadyReplaced", "")},
	    PLAIN_ORDER}},
    {.name = "replaced already: conflict",
	.replaces = "aki.serial",
	.a = {DIR(ARI), ACCOUNT,
	    {"/order", "\"replaces\"", 409, PROBLEM("conflict", "")},
	    PLAIN_ORDER}},
    {.name = "replaced already: malformed",
	.replaces = "aki.serial",
	.a = {DIR(ARI), ACCOUNT,
	    {"/order", "\"replaces\"", 400, PROBLEM("malformed", "")},
	    PLAIN_ORDER}},
    {.name = "of an unknown certificate, and without a document",
	.replaces = "aki.serial",
	.a = {DIR(ARI), ACCOUNT, {"/order", "\"replaces\"", 404, "<html>"},
	    PLAIN_ORDER}},
    {.name = "a limit is one without replaces, too",
	.replaces = "aki.serial",
	.a = {DIR(ARI), ACCOUNT,
	    {"/order", "\"replaces\"", 429, PROBLEM("rateLimited", ""), NULL,
		"412345"}},
	.why = "wants fewer requests",
	.wait_s = 412345},
    {.name = "refused with and without",
	.replaces = "aki.serial",
	.a = {DIR(ARI), ACCOUNT,
	    {"/order", "\"replaces\"", 400, PROBLEM("malformed", "")},
	    {"/order", "-replaces", 400, PROBLEM("malformed", "")}},
	.why = "refuses"},
    {.name = "a limit with a date, days away",
	.a = {DIR(""), ACCOUNT,
	    {"/order", NULL, 429, PROBLEM("rateLimited", ""), NULL,
		"Sat, 22 Aug 2026 09:12:00 GMT"}},
	.why = "wants fewer requests",
	.wait_s = 2 * 86400},
    {.name = "a limit with a date, soon",
	.a = {DIR(""), ACCOUNT,
	    {"/order", NULL, 429, PROBLEM("rateLimited", ""), NULL,
		"Thu, 20 Aug 2026 09:12:44 GMT"},
	    NEW_ORDER("pending"), REST}},
    {.name = "a limit without a time",
	.a = {DIR(""), ACCOUNT,
	    {"/order", NULL, 429, PROBLEM("rateLimited", "")}},
	.why = "wants fewer requests",
	.wait_s = -1},
    {.name = "a limit that is not 429",
	.a = {DIR(""), ACCOUNT,
	    {"/order", NULL, 403, PROBLEM("rateLimited", ""), NULL, "9000"}},
	.why = "wants fewer requests",
	.wait_s = 9000},
    {.name = "polls with a date, as long as they say",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("ready"),
	    {"/finish", "csr", 200, ORDER("processing"), NULL,
		"Thu, 20 Aug 2026 09:12:44 GMT"},
	    {"/o/1", NULL, 200, GOOD}, CERT},
	.waited = 44},
    {.name = "polls with days",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("ready"),
	    {"/finish", "csr", 200, ORDER("processing"), NULL, "412345"}},
	.why = "asked again later",
	.wait_s = 412345},
    {.name = "they are busy, three times",
	.a = {DIR(""), ACCOUNT, {"/order", NULL, 503, "busy"},
	    {"/order", NULL, 500, ""}, {"/order", NULL, 502, ""},
	    NEW_ORDER("pending"), REST}},
    {.name = "they are busy for days",
	.a = {DIR(""), ACCOUNT, {"/order", NULL, 503, "", NULL, "200000"}},
	.why = "503",
	.wait_s = 200000},
    {.name = "connections break, and heal",
	.a = {DIR(""), ACCOUNT, {"/order", NULL, 0}, {"/order", NULL, 0},
	    NEW_ORDER("pending"), REST}},
    {.name = "no directory: not tried again at once",
	.a = {{"/dir", NULL, 0}},
	.why = "the line is dead",
	.wait_s = -1},
    {.name = "an account that they have forgotten",
	.account = "https://ca.test/old",
	.a = {DIR(""),
	    {"/order", NULL, 400, PROBLEM("accountDoesNotExist", "")}, ACCOUNT,
	    NEW_ORDER("pending"), REST}},
    {.name = "the account's address is of another key",
	.account = "https://ca.test/old",
	.a = {DIR(""), {"/order", NULL, 401, PROBLEM("unauthorized", "")},
	    ACCOUNT, NEW_ORDER("pending"), REST}},
    {.name = "the account's address is of an older directory, with replaces",
	.account = "https://ca.test/old",
	.replaces = "aki.serial",
	.a = {DIR(ARI),
	    {"/order", "\"replaces\"", 400, PROBLEM("malformed", "")}, ACCOUNT,
	    {"/order", "\"replaces\"", 400, PROBLEM("malformed", "")},
	    PLAIN_ORDER}},
    {.name = "the account was given up",
	.account = "https://ca.test/old",
	.a = {DIR(""), {"/order", NULL, 403, PROBLEM("unauthorized", "")},
	    {"/account", NULL, 403, PROBLEM("unauthorized", "")}},
	.why = "does not let our account do that"},
    {.name = "a new account may not order",
	.a = {DIR(""), ACCOUNT,
	    {"/order", NULL, 403, PROBLEM("unauthorized", "")}},
	.why = "does not let our account do that"},
    {.name = "a limit does not mean that the account is wrong",
	.account = "https://ca.test/me",
	.a = {DIR(""),
	    {"/order", NULL, 401, PROBLEM("rateLimited", ""), NULL, "9000"}},
	.why = "wants fewer requests",
	.wait_s = 9000},
    {.name = "the answer to a challenge was lost, and all is well",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"), PENDING,
	    {"/chall/1", NULL, 0},
	    {"/chall/1", NULL, 400, PROBLEM("malformed", "")}, VALID,
	    POLL("ready"), {"/finish", "csr", 200, GOOD}, CERT}},
    {.name = "the same, and it is being looked at",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"), PENDING,
	    {"/chall/1", NULL, 500, ""},
	    {"/chall/1", NULL, 400, PROBLEM("malformed", "")},
	    {"/authz/1", NULL, 200, AUTHZ("pending", "processing", "")}, VALID,
	    POLL("ready"), {"/finish", "csr", 200, GOOD}, CERT}},
    {.name = "the same, and it is in vain",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"), PENDING,
	    {"/chall/1", NULL, 0},
	    {"/chall/1", NULL, 400, PROBLEM("malformed", "")},
	    {"/authz/1", NULL, 200,
		AUTHZ("invalid", "invalid",
		    ",\"error\":" PROBLEM("connection", ""))}},
	.why = "port 80 must be open",
	.blamed = "a.test"},
    {.name = "a challenge is refused, and once more",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"), PENDING,
	    {"/chall/1", NULL, 400, PROBLEM("malformed", "")}, PENDING,
	    {"/chall/1", NULL, 400, PROBLEM("malformed", "")}},
	.why = "refuses a.test",
	.blamed = "a.test"},
    {.name = "forgotten, with replaces",
	.account = "https://ca.test/old",
	.replaces = "aki.serial",
	.a = {DIR(ARI),
	    {"/order", "\"replaces\"", 401, PROBLEM("accountDoesNotExist", "")},
	    ACCOUNT,
	    {"/order", "\"replaces\"", 201, ORDER("pending"),
		"https://ca.test/o/1"},
	    REST}},
    {.name = "forgotten again and again",
	.a = {DIR(""), ACCOUNT,
	    {"/order", NULL, 400, PROBLEM("accountDoesNotExist", "")}, ACCOUNT,
	    {"/order", NULL, 400, PROBLEM("accountDoesNotExist", "")}},
	.why = "does not know our account"},
    {.name = "they want an account of theirs",
	.a = {DIR(",\"meta\":{\"externalAccountRequired\":true}")},
	.why = "tls.acme.eab"},
    {.name = "they want it, but only say so when asked",
	.a = {DIR(""),
	    {"/account", NULL, 403, PROBLEM("externalAccountRequired", "")}},
	.why = "tls.acme.eab"},
    {.name = "new terms",
	.account = "https://ca.test/me",
	.a = {DIR(""), {"/order", NULL, 403,
			   PROBLEM("userActionRequired",
			       ",\"instance\":\"https://ca.test/terms\"")}},
	.why = "https://ca.test/terms"},
    {.name = "port 80 is closed",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"), PENDING, CHALLENGE,
	    {"/authz/1", NULL, 200,
		AUTHZ("invalid", "invalid",
		    ",\"error\":" PROBLEM("connection", ""))}},
	.why = "port 80 must be open",
	.wait_s = -1,
	.blamed = "a.test"},
    {.name = "no address",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"), PENDING, CHALLENGE,
	    {"/authz/1", NULL, 200,
		AUTHZ("invalid", "invalid", ",\"error\":" PROBLEM("dns", ""))}},
	.why = "finds no address of a.test",
	.blamed = "a.test"},
    {.name = "one name is rejected",
	.a = {DIR(""), ACCOUNT,
	    {"/order", NULL, 403,
		PROBLEM("rejectedIdentifier",
		    ",\"subproblems\":[{\"type\":\"x:y:rejectedIdentifier\","
		    "\"identifier\":{\"type\":\"dns\",\"value\":\"B.test\"}},"
		    "{\"identifier\":{\"value\":\"not.ours\"}}]")}},
	.why = "gives no certificate for b.test",
	.blamed = "b.test"},
    {.name = "one name is rejected, in their sentence only",
	.a = {DIR(""), ACCOUNT,
	    {"/order", NULL, 400,
		SAID("rejectedIdentifier",
		    "Cannot issue for \\\"B.test\\\": it is forbidden")}},
	.why = "gives no certificate for b.test",
	.blamed = "b.test"},
    {.name = "one name has a CAA record, which is seen at the end",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("ready"),
	    {"/finish", "csr", 403,
		SAID("caa", "rechecking: CAA record prevents b.test.")}},
	.why = "CAA record in the DNS of b.test",
	.blamed = "b.test"},
    {.name = "they speak of all names",
	.names = 2,
	.a = {DIR(""), ACCOUNT,
	    {"/order", NULL, 400, SAID("malformed", "what is a.test,b.test?")}},
	.why = "what is a.test"},
    {.name = "they speak of other names",
	.names = 2,
	.a = {DIR(""), ACCOUNT,
	    {"/order", NULL, 400,
		SAID("caa", "x.b.test, b.test.example, -a.test")}},
	.why = "CAA record in the DNS of the name"},
    {.name = "a limit is named after a domain",
	.names = 2,
	.a = {DIR(""), ACCOUNT,
	    {"/order", NULL, 429, SAID("rateLimited", "too many for b.test")}},
	.why = "wants fewer requests"},
    {.name = "no challenge over HTTP",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"),
	    {"/authz/1", NULL, 200,
		"{\"status\":\"pending\",\"identifier\":{\"value\":\"a.test\"},"
		"\"challenges\":[{\"type\":\"dns-01\",\"token\":\"x\","
		"\"url\":\"https://ca.test/c\",\"status\":\"pending\"}]}"}},
	.why = "does not offer",
	.blamed = "a.test"},
    {.name = "a token that is a path",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("pending"),
	    {"/authz/1", NULL, 200,
		"{\"status\":\"pending\",\"identifier\":{\"value\":\"a.test\"},"
		"\"challenges\":[{\"type\":\"http-01\",\"token\":\"../../x\","
		"\"url\":\"https://ca.test/c\",\"status\":\"pending\"}]}"}},
	.why = "does not offer",
	.blamed = "a.test"},
    {.name = "a redirection",
	.a = {{"/dir", NULL, 301, "", "https://evil.test/"}},
	.why = "redirection"},
    {.name = "not a directory",
	.a = {{"/dir", NULL, 200, "<html>hello</html>"}},
	.why = "not a JSON object"},
    {.name = "a directory without https",
	.a = {{"/dir", NULL, 200,
	    "{\"newNonce\":\"http://ca.test/n\",\"newAccount\":"
	    "\"http://ca.test/a\",\"newOrder\":\"http://ca.test/o\"}"}},
	.why = "not the directory"},
    {.name = "an order without a place",
	.a = {DIR(""), ACCOUNT, {"/order", NULL, 201, ORDER("pending")}},
	.why = "where its order is"},
    {.name = "an order that they give up",
	.a = {DIR(""), ACCOUNT, NEW_ORDER("ready"),
	    {"/finish", "csr", 200,
		"{\"status\":\"invalid\",\"error\":" PROBLEM("caa", "") "}"}},
	.why = "CAA record in the DNS of a.test"},
};

static bool
has_part(struct sv all, const char *part)
{
	return part[0] == '-' ? sv_find(all, sv_str(part + 1)) == all.n
			      : sv_find(all, sv_str(part)) < all.n;
}

static void
check_payload(const struct row *row, struct sv body, const char *part)
{
	struct buf text;
	size_t at = sv_find(body, SV("\"payload\":\""));
	struct sv p = sv_skip(body, at + 11);

	buf_init(&text, 65536);
	p = sv_first(p, sv_chr(p, '"'));
	ck_assert_int_eq(acme_base64url_read(p, &text), RC_OK);
	ck_assert_msg(
	    has_part(buf_sv(&text), part), "%s: %s", row->name, text.p);
	buf_fini(&text);
}

/* Gives the next answer to what is asked now. */
static bool
answer(struct acme_order *o, const struct row *row, const struct answer *a)
{
	struct acme_response r = {.status = a->status,
	    .body = sv_str(a->body),
	    .location = sv_str(a->location),
	    .retry_after = sv_str(a->retry_after),
	    .nonce = a->no_nonce ? SV("") : SV("nonce-2")};
	struct acme_request q;
	bool taken = true;

	acme_order_request(o, &q);
	if (q.method == ACME_HEAD) {
		ck_assert_str_eq(q.url, "https://ca.test/nonce");
		r = (struct acme_response){.status = 200, .nonce = SV("nonce")};
		acme_order_answer(o, &r, NOW);
		taken = false;
	} else {
		ck_assert_msg(a->url != NULL && strstr(q.url, a->url) != NULL,
		    "%s: asks %s, not %s", row->name, q.url, a->url);
		if (a->sent != NULL)
			check_payload(row, buf_sv(&q.body), a->sent);
		if (a->status == 0)
			acme_order_lost(o, "the line is dead");
		else
			acme_order_answer(o, &r, NOW);
	}
	buf_fini(&q.body);
	return taken;
}

static void
check_failure(const struct row *row, const struct acme_failure *f)
{
	struct buf names;
	unsigned i;

	ck_assert_msg(row->why != NULL && strstr(f->why, row->why) != NULL,
	    "%s: %s", row->name, f->why);
	if (row->wait_s != 0)
		ck_assert_msg(f->wait_s == row->wait_s, "%s: %lld", row->name,
		    (long long)f->wait_s);
	if (row->ways != 0)
		ck_assert_msg(f->of_proof == row->of_proof &&
				  (!f->of_proof || f->way == row->way),
		    "%s", row->name);
	buf_init(&names, 1000);
	for (i = 0; i < f->nname; i++)
		buf_addf(&names, "%s%s", i > 0 ? " " : "", f->name[i]);
	ck_assert_msg(
	    strcmp(names.p, row->blamed != NULL ? row->blamed : "") == 0,
	    "%s: %s", row->name, names.p);
	buf_fini(&names);
}

START_TEST(order__goes_as_it_should)
{
	static const char *const name[] = {"a.test", "b.test"};
	const struct row *row = &rows[_i];
	const enum acme_way way[] = {row->way, row->way};
	struct acme_key *key = acme_key_new();
	struct acme_order_opts opts = {.account = key,
	    .directory = "https://ca.test/dir",
	    .account_url = row->account != NULL ? row->account : "",
	    .name = name,
	    .way = way,
	    .nname = row->names != 0				    ? row->names
		     : row->blamed != NULL && row->blamed[0] == 'b' ? 2
								    : 1,
	    .ways = row->ways != 0 ? row->ways : ACME_WAY_BIT(ACME_BY_HTTP),
	    .request = SV("csr"),
	    .replaces = row->replaces != NULL ? row->replaces : ""};
	struct acme_order *o = acme_order_new(&opts);
	struct acme_shown shown;
	int64_t waited = 0;
	unsigned at = 0, turns;

	for (turns = 0; turns < 500; turns++)
		switch (acme_order_next(o)) {
		case ACME_SEND:
			ck_assert_msg(at < STEPS, "%s", row->name);
			at += answer(o, row, &row->a[at]);
			break;
		case ACME_PRESENT:
			acme_order_shown(o, &shown);
			ck_assert_str_eq(shown.token, "tok-1");
			ck_assert(strncmp(shown.text, "tok-1.", 6) == 0);
			acme_order_presented(o, NULL);
			break;
		case ACME_WAIT:
			ck_assert_int_le(acme_order_wait_s(o), 300);
			waited += acme_order_wait_s(o);
			acme_order_waited(o);
			break;
		case ACME_FINISHED:
			ck_assert_msg(
			    row->why == NULL, "%s: it succeeds", row->name);
			ck_assert(sv_eq(acme_order_chain(o), SV("PEM")));
			turns = 1000;
			break;
		case ACME_FAILED:
			check_failure(row, acme_order_failure(o));
			turns = 1000;
			break;
		}
	ck_assert_uint_ge(turns, 1000);
	ck_assert_msg(
	    row->a[at].url == NULL, "%s: %u is not asked for", row->name, at);
	if (row->waited > 0)
		ck_assert_int_eq(waited, row->waited);
	ck_assert_int_le(waited, 1800);
	acme_order_free(&o);
	acme_key_free(&key);
}
END_TEST

/* Whatever is repeated for ever, it ends. */
START_TEST(order__ends)
{
	static const struct row forever = {
	    .a = {POLL("processing"), POLL("ready"), POLL("pending"),
		{"/o/1", NULL, 200, ORDER("processing"), NULL, "0"},
		{"/o/1", NULL, 503, ""},
		{"/o/1", NULL, 400, PROBLEM("badNonce", "")}}};
	static const char *const name[] = {"a.test"};
	static const struct row begin = {
	    .a = {DIR(""), ACCOUNT, NEW_ORDER("ready")}};
	struct acme_key *key = acme_key_new();
	struct acme_order_opts opts = {.account = key,
	    .directory = "https://ca.test/dir",
	    .account_url = "",
	    .name = name,
	    .way = &over_http,
	    .nname = 1,
	    .ways = ACME_WAY_BIT(ACME_BY_HTTP),
	    .request = SV("csr"),
	    .replaces = ""};
	struct acme_order *o = acme_order_new(&opts);
	struct acme_response r;
	struct acme_request q;
	unsigned at = 0, turns = 0;
	int64_t waited = 0;

	while (acme_order_next(o) != ACME_FAILED) {
		const struct answer *a = at < 3 ? &begin.a[at] : &forever.a[_i];

		ck_assert_uint_lt(++turns, 5000);
		if (acme_order_next(o) == ACME_WAIT) {
			waited += acme_order_wait_s(o);
			acme_order_waited(o);
			continue;
		}
		acme_order_request(o, &q);
		r = (struct acme_response){.status = a->status,
		    .nonce = SV("n"),
		    .body = sv_str(a->body),
		    .location = sv_str(a->location),
		    .retry_after = sv_str(a->retry_after)};
		if (q.method == ACME_HEAD)
			r = (struct acme_response){
			    .status = 200, .nonce = SV("n")};
		else
			at++;
		buf_fini(&q.body);
		acme_order_answer(o, &r, NOW);
	}
	ck_assert_int_le(waited, 1800);
	acme_order_free(&o);
	acme_key_free(&key);
}
END_TEST

/* Each answer comes in time, but all together take for ever. */
START_TEST(order__ends_in_time)
{
	static const char directory[] =
	    "{\"newNonce\":\"https://ca.test/nonce\",\"newAccount\":"
	    "\"https://ca.test/account\",\"newOrder\":"
	    "\"https://ca.test/order\"}";
	static const char *const name[] = {"a.test"};
	struct acme_key *key = acme_key_new();
	const struct acme_order_opts opts = {.account = key,
	    .directory = "https://ca.test/dir",
	    .account_url = "",
	    .name = name,
	    .way = &over_http,
	    .nname = 1,
	    .ways = ACME_WAY_BIT(ACME_BY_HTTP),
	    .request = SV("csr"),
	    .replaces = ""};
	struct acme_response r = {.status = 200,
	    .body = {directory, sizeof directory - 1},
	    .nonce = SV("n")};
	struct acme_order *o = acme_order_new(&opts);

	acme_order_answer(o, &r, NOW);
	ck_assert_int_eq(acme_order_next(o), ACME_SEND);
	r = (struct acme_response){.status = 201,
	    .body = SV("{}"),
	    .nonce = SV("n"),
	    .location = SV("https://ca.test/me")};
	acme_order_answer(o, &r, NOW + 3000);
	ck_assert_int_eq(acme_order_next(o), ACME_SEND);
	acme_order_answer(o, &r, NOW + 3601);
	ck_assert_int_eq(acme_order_next(o), ACME_FAILED);
	ck_assert_ptr_nonnull(
	    strstr(acme_order_failure(o)->why, "does not come to an end"));
	acme_order_free(&o);
	acme_key_free(&key);
}
END_TEST

UNIT_TESTS(order)
{
	TCase *t = tcase_create("order");

	tcase_add_test(t, order__ends_in_time);
	tcase_add_loop_test(t, order__goes_as_it_should, 0, N(rows));
	tcase_add_loop_test(t, order__ends, 0, 6);
	return t;
}
