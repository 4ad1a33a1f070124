#include <openssl/evp.h>

#include "base/base64.h"
#include "msgauth/dkim.h"
#include "test/unit/unit.h"

/* ---- the example of RFC 8463 A.3 ---- */

static const char rfc_header[] =
    "From: Joe SixPack <joe@football.example.com>\r\n"
    "To: Suzie Q <suzie@shopping.example.net>\r\n"
    "Subject: Is dinner ready?\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n";

static const char rfc_body[] =
    "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

static const char rfc_field[] =
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
    " subject : date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=";

static void
unbase64(const char *text, uint8_t *out, size_t n)
{
	struct buf b;

	buf_init(&b, 1000);
	ck_assert_int_eq(base64_decode(sv_str(text), &b), RC_OK);
	ck_assert_uint_eq(b.n, n);
	memcpy(out, b.p, n);
	buf_fini(&b);
}

START_TEST(dkim_hash__is_that_of_rfc_8463)
{
	struct dkim_hash *h = dkim_hash_new();
	uint8_t got[DKIM_HASH], want[DKIM_HASH];
	size_t i;

	unbase64(
	    "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=", want, sizeof want);
	for (i = 0; i < sizeof rfc_body - 1; i++)
		dkim_hash_feed(h, sv_of(rfc_body + i, 1));
	ck_assert_int_eq(dkim_hash_end(h, got), RC_OK);
	ck_assert_mem_eq(got, want, sizeof want);
	dkim_hash_free(&h);
	ck_assert_ptr_null(h);
}
END_TEST

/* [RFC 6376 3.4.4] the hash of no body at all */
START_TEST(dkim_hash__of_an_empty_body)
{
	struct dkim_hash *h = dkim_hash_new();
	uint8_t got[DKIM_HASH], want[DKIM_HASH];

	unbase64(
	    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", want, sizeof want);
	dkim_hash_feed(h, SV("\r\n\r\n"));
	ck_assert_int_eq(dkim_hash_end(h, got), RC_OK);
	ck_assert_mem_eq(got, want, sizeof want);
	dkim_hash_free(&h);
}
END_TEST

START_TEST(dkim_signature_hash__fits_the_signature_of_rfc_8463)
{
	uint8_t hash[DKIM_HASH], pub[32], sig[64];
	struct buf names, canon;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_PKEY *k;

	buf_init(&names, 1000);
	buf_init(&canon, 1000);
	dkim_header_choose(sv_str(rfc_header), &names, &canon);
	ck_assert_int_eq(
	    dkim_signature_hash(buf_sv(&canon), sv_str(rfc_field), hash),
	    RC_OK);
	unbase64("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", pub, 32);
	unbase64("/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus"
		 "Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==",
	    sig, 64);
	k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub, 32);
	ck_assert_int_eq(EVP_DigestVerifyInit(c, NULL, NULL, NULL, k), 1);
	ck_assert_int_eq(EVP_DigestVerify(c, sig, 64, hash, sizeof hash), 1);
	hash[0] ^= 1;
	ck_assert_int_ne(EVP_DigestVerify(c, sig, 64, hash, sizeof hash), 1);
	EVP_PKEY_free(k);
	EVP_MD_CTX_free(c);
	buf_fini(&canon);
	buf_fini(&names);
}
END_TEST

/* ---- which fields ---- */

#define ALWAYS                                     \
	"to:subject:date:message-id:mime-version:" \
	"content-type:content-transfer-encoding"

static const struct {
	const char *name, *in, *names, *canon;
} rows[] = {
    {"nothing", "", "from:" ALWAYS, ""},
    {"From", "From: a@b\r\n\r\n", "from:from:" ALWAYS, "from:a@b\r\n"},
    {"twice, last one first", "From: a\r\nFrom: b\r\n",
	"from:from:from:" ALWAYS, "from:b\r\nfrom:a\r\n"},
    {"Sender only if there", "SENDER : x\r\nFrom: a\r\n",
	"from:from:sender:" ALWAYS, "from:a\r\nsender:x\r\n"},
    {"what lists add is signed as often as it is there",
	"Reply-To: x\r\nCc: y\r\nFrom: a\r\n",
	"from:from:reply-to:to:cc:subject:date:message-id:mime-version:"
	"content-type:content-transfer-encoding",
	"from:a\r\nreply-to:x\r\ncc:y\r\n"},
    {"one-click unsubscription is signed where it is",
	"List-Unsubscribe: <https://x>\r\nFrom: a\r\n"
	"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
	"List-Id: <y>\r\n",
	"from:from:to:subject:date:message-id:list-unsubscribe:"
	"list-unsubscribe-post:mime-version:content-type:"
	"content-transfer-encoding",
	"from:a\r\nlist-unsubscribe:<https://x>\r\n"
	"list-unsubscribe-post:List-Unsubscribe=One-Click\r\n"},
    {"others are not signed", "Received: x\r\nX-From: y\r\nFromage: z\r\n",
	"from:" ALWAYS, ""},
    {"not behind the header", "\r\nFrom: a\r\n", "from:" ALWAYS, ""},
    {"more than are signed",
	"From: 1\r\nFrom: 2\r\nFrom: 3\r\nFrom: 4\r\nFrom: 5\r\nFrom: 6\r\n"
	"From: 7\r\nFrom: 8\r\nFrom: 9\r\n",
	"from:from:from:from:from:from:from:from:" ALWAYS,
	"from:9\r\nfrom:8\r\nfrom:7\r\nfrom:6\r\nfrom:5\r\nfrom:4\r\n"
	"from:3\r\nfrom:2\r\n"},
};

START_TEST(dkim_header_choose__row)
{
	struct buf names, canon;

	buf_init(&names, 2000);
	buf_init(&canon, 2000);
	dkim_header_choose(sv_str(rows[_i].in), &names, &canon);
	ck_assert_msg(sv_eq(buf_sv(&names), sv_str(rows[_i].names)),
	    "%s: names \"%s\"", rows[_i].name, names.p);
	ck_assert_msg(sv_eq(buf_sv(&canon), sv_str(rows[_i].canon)),
	    "%s: canon \"%s\"", rows[_i].name, canon.p);
	buf_fini(&canon);
	buf_fini(&names);
}
END_TEST

/* ---- the field ---- */

START_TEST(dkim_signature__is_folded)
{
	uint8_t bh[DKIM_HASH] = {0};
	struct dkim_signature s = {.algorithm = DKIM_RSA,
	    .domain = SV("example.org"),
	    .selector = SV("hm-rsa-202611"),
	    .time = 1795536046,
	    .names = SV("from:from:reply-to:to:cc:subject:date:message-id:"
			"mime-version:content-type:content-transfer-encoding"),
	    .body_hash = bh};
	char sig[256] = {0};
	struct mail_field f;
	struct buf out;
	struct sv rest;

	buf_init(&out, 4000);
	dkim_signature_begin(&s, &out);
	ck_assert(sv_ends(buf_sv(&out), SV(";\r\n\tb=")));
	dkim_signature_end(sv_of(sig, sizeof sig), &out);
	ck_assert(buf_ok(&out));
	for (rest = buf_sv(&out); rest.n > 0;) {
		struct sv line = sv_split(&rest, '\n');

		ck_assert(sv_ends(line, SV("\r")));
		ck_assert_uint_le(line.n, 78);
	}
	rest = buf_sv(&out);
	ck_assert(mail_field_next(&rest, &f));
	ck_assert_uint_eq(rest.n, 0);
	ck_assert(sv_starts(f.value,
	    SV("v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
	       "\td=example.org;\r\n\ts=hm-rsa-202611; t=1795536046;\r\n"
	       "\th=from:from:reply-to:to:cc:subject:date:message-id:"
	       "mime-version:\r\n\tcontent-type:content-transfer-encoding;"
	       "\r\n\tbh=AAAA")));
	buf_fini(&out);
}
END_TEST

UNIT_TESTS(dkim)
{
	TCase *tc = tcase_create("dkim");

	tcase_add_test(tc, dkim_hash__is_that_of_rfc_8463);
	tcase_add_test(tc, dkim_hash__of_an_empty_body);
	tcase_add_test(tc, dkim_signature_hash__fits_the_signature_of_rfc_8463);
	tcase_add_loop_test(tc, dkim_header_choose__row, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, dkim_signature__is_folded);
	return tc;
}
