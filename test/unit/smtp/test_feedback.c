/* What a judgement becomes in a report to the author's domain. */
#include <arpa/inet.h>
#include <stdio.h>

#include "smtp/feedback.h"
#include "smtp/feedback_send.h"
#include "test/unit/unit.h"

static struct check_result
result_of(enum auth_result dmarc, enum dmarc_policy published)
{
	struct check_result r = {.mailfrom = {.result = AUTH_FAIL},
	    .dmarc = {.result = dmarc,
		.published = published,
		.disposition = published}};

	(void)inet_pton(AF_INET6, "::ffff:192.0.2.7", &r.peer);
	(void)snprintf(r.mailfrom.domain, DNS_NAME_MAX, "b.test");
	(void)snprintf(r.dmarc.domain, DNS_NAME_MAX, "x.a.test");
	(void)snprintf(r.dmarc.org, DNS_NAME_MAX, "a.test");
	(void)snprintf(r.dmarc.policy_domain, DNS_NAME_MAX, "a.test");
	(void)snprintf(r.dmarc.record.rua, DMARC_URIS_MAX, "mailto:x@a.test");
	(void)snprintf(r.dmarc.record.fo, sizeof r.dmarc.record.fo, "0");
	r.dmarc.record.p = published;
	return r;
}

static bool
fill(const struct check_result *r, enum report_done done, const char *reason,
    struct smtp_feedback *f)
{
	const struct smtp_feedback_done d = {
	    done, done == REPORT_DONE_REFUSED, sv_str(reason)};

	return smtp_feedback_fill(r, SV("bounce@B.test"), &d, 77, f);
}

START_TEST(smtp_feedback__fields)
{
	struct check_result r = result_of(AUTH_PASS, DMARC_P_REJECT);
	struct smtp_feedback f;
	const struct feedback_row *row = &f.seen.row;

	r.ndkim = 4;
	(void)snprintf(r.dkim[0].domain, DNS_NAME_MAX, "broken.test");
	(void)snprintf(r.dkim[0].selector, DNS_NAME_MAX, "s0");
	r.dkim[0].result = AUTH_FAIL;
	(void)snprintf(r.dkim[1].domain, DNS_NAME_MAX, "esp.test");
	(void)snprintf(r.dkim[1].selector, DNS_NAME_MAX, "s1");
	r.dkim[1].result = AUTH_PASS;
	r.dkim[2].result = AUTH_PERMERROR; /* of nobody */
	(void)snprintf(r.dkim[3].domain, DNS_NAME_MAX, "a.test");
	(void)snprintf(r.dkim[3].selector, DNS_NAME_MAX, "s3");
	r.dkim[3].result = AUTH_PASS;
	r.dmarc.dkim_aligned = true;
	r.dmarc.dkim_which = 3;
	r.dmarc.record.strict_spf = true;
	ck_assert(fill(&r, REPORT_DONE_NOTHING, "", &f));
	ck_assert(f.seen.accepted && f.seen.when == 77);
	ck_assert(sv_eq(f.seen.policy.domain, SV("a.test")));
	ck_assert(sv_eq(f.seen.policy.p, SV("reject")));
	ck_assert(sv_eq(f.seen.policy.adkim, SV("r")));
	ck_assert(sv_eq(f.seen.policy.aspf, SV("s")));
	ck_assert(sv_eq(row->address, SV("192.0.2.7")));
	ck_assert(sv_eq(row->author, SV("x.a.test")));
	ck_assert(sv_eq(row->envelope, SV("B.test")));
	ck_assert(sv_eq(row->spf_domain, SV("b.test")));
	ck_assert(sv_eq(row->spf_result, SV("fail")));
	ck_assert(row->dkim_aligned && !row->spf_aligned);
	/* The one that counts, what else passed, the rest. */
	ck_assert_uint_eq(row->ndkim, 3);
	ck_assert(sv_eq(row->dkim[0].selector, SV("s3")));
	ck_assert(sv_eq(row->dkim[1].selector, SV("s1")));
	ck_assert(sv_eq(row->dkim[2].result, SV("fail")));
}
END_TEST

static const struct {
	enum auth_result dmarc;
	enum dmarc_policy published;
	bool testing;
	enum report_done done;
	const char *given, *want;
	enum report_done told;
} reasons[] = {
    {AUTH_FAIL, DMARC_P_REJECT, false, REPORT_DONE_REFUSED, "", "",
	REPORT_DONE_REFUSED},
    {AUTH_FAIL, DMARC_P_QUARANTINE, false, REPORT_DONE_JUNK, "", "",
	REPORT_DONE_JUNK},
    {AUTH_FAIL, DMARC_P_NONE, false, REPORT_DONE_NOTHING, "", "",
	REPORT_DONE_NOTHING},
    {AUTH_PASS, DMARC_P_REJECT, false, REPORT_DONE_NOTHING, "", "",
	REPORT_DONE_NOTHING},
    {AUTH_FAIL, DMARC_P_REJECT, false, REPORT_DONE_JUNK, "", "local_policy",
	REPORT_DONE_JUNK},
    {AUTH_FAIL, DMARC_P_REJECT, false, REPORT_DONE_NOTHING, "trusted_forwarder",
	"trusted_forwarder", REPORT_DONE_NOTHING},
    {AUTH_FAIL, DMARC_P_REJECT, false, REPORT_DONE_NOTHING, "mailing_list",
	"mailing_list", REPORT_DONE_NOTHING},
    {AUTH_FAIL, DMARC_P_REJECT, true, REPORT_DONE_JUNK, "", "policy_test_mode",
	REPORT_DONE_JUNK},
    {AUTH_TEMPERROR, DMARC_P_REJECT, false, REPORT_DONE_NOTHING, "",
	"local_policy", REPORT_DONE_NOTHING},
    /* Done for other reasons, of which a block list is one. */
    {AUTH_PASS, DMARC_P_REJECT, false, REPORT_DONE_JUNK, "", "",
	REPORT_DONE_NOTHING},
    {AUTH_PASS, DMARC_P_QUARANTINE, false, REPORT_DONE_REFUSED, "", "",
	REPORT_DONE_NOTHING},
    {AUTH_FAIL, DMARC_P_NONE, false, REPORT_DONE_JUNK, "", "",
	REPORT_DONE_NOTHING},
    {AUTH_FAIL, DMARC_P_NONE, false, REPORT_DONE_REFUSED, "", "",
	REPORT_DONE_NOTHING},
    {AUTH_FAIL, DMARC_P_QUARANTINE, false, REPORT_DONE_REFUSED, "", "",
	REPORT_DONE_JUNK},
    {AUTH_FAIL, DMARC_P_REJECT, true, REPORT_DONE_REFUSED, "",
	"policy_test_mode", REPORT_DONE_JUNK},
    {AUTH_TEMPERROR, DMARC_P_REJECT, false, REPORT_DONE_JUNK, "",
	"local_policy", REPORT_DONE_NOTHING},
};

/* If it is not what the policy asks for, there is a reason [RFC 9990 3.1.1]. */
START_TEST(smtp_feedback__reasons)
{
	struct check_result r =
	    result_of(reasons[_i].dmarc, reasons[_i].published);
	struct smtp_feedback f;

	if (reasons[_i].testing) {
		r.dmarc.record.testing = true;
		r.dmarc.disposition = DMARC_P_QUARANTINE;
	}
	ck_assert(fill(&r, reasons[_i].done, reasons[_i].given, &f));
	ck_assert(sv_eq(f.seen.row.reason, sv_str(reasons[_i].want)));
	ck_assert_int_eq(f.seen.row.done, reasons[_i].told);
	ck_assert(f.seen.accepted == (reasons[_i].done != REPORT_DONE_REFUSED));
}
END_TEST

START_TEST(smtp_feedback__nobody_asks)
{
	struct check_result r = result_of(AUTH_PASS, DMARC_P_NONE);
	struct smtp_feedback f;

	r.dmarc.record.rua[0] = '\0';
	ck_assert(!fill(&r, REPORT_DONE_NOTHING, "", &f));
	r = result_of(AUTH_NONE, DMARC_P_NONE);
	ck_assert(!fill(&r, REPORT_DONE_NOTHING, "", &f));
	r = result_of(AUTH_PERMERROR, DMARC_P_NONE);
	ck_assert(!fill(&r, REPORT_DONE_REFUSED, "", &f));
	r = result_of(AUTH_PASS, DMARC_P_NONE);
	r.dmarc.policy_domain[0] = '\0';
	ck_assert(!fill(&r, REPORT_DONE_NOTHING, "", &f));
}
END_TEST

/* Else a stranger could choose addresses that push each other out, and have
 * the same questions asked for each message. */
START_TEST(smtp_feedback__memory_has_a_key_of_its_own)
{
	static const uint8_t zero[SMTP_FEEDBACK_KEY];
	struct smtp_feedback_memory a, b;
	size_t i;

	smtp_feedback_memory_init(&a);
	smtp_feedback_memory_init(&b);
	ck_assert_mem_ne(a.key, b.key, sizeof a.key);
	ck_assert_mem_ne(a.key, zero, sizeof a.key);
	for (i = 0; i < SMTP_FEEDBACK_KNOWN; i++)
		ck_assert_uint_eq(a.known[i], 0);
	(void)pthread_mutex_destroy(&a.lock);
	(void)pthread_mutex_destroy(&b.lock);
}
END_TEST

UNIT_TESTS(smtp_feedback)
{
	TCase *t = tcase_create("smtp_feedback");

	tcase_add_test(t, smtp_feedback__fields);
	tcase_add_loop_test(t, smtp_feedback__reasons, 0,
	    (int)(sizeof reasons / sizeof reasons[0]));
	tcase_add_test(t, smtp_feedback__nobody_asks);
	tcase_add_test(t, smtp_feedback__memory_has_a_key_of_its_own);
	return t;
}
