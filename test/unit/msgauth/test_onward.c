#include "msgauth/onward.h"

#include <stdio.h>
#include <stdlib.h>

#include "test/unit/unit.h"

#define NONE	   DMARC_P_NONE
#define QUARANTINE DMARC_P_QUARANTINE
#define REJECT	   DMARC_P_REJECT

static const struct {
	const char *name;
	enum dmarc_author author;
	enum auth_result result;
	bool policy; /* there is a record */
	enum dmarc_policy published, disposition;
	bool testing, dkim, junk, vouched;
	enum onward want;
} rows[] = {
    {"no policy", DMARC_AUTHOR_ONE, AUTH_NONE, false, NONE, NONE, false, false,
	false, false, ONWARD_SEND},
    {"signed", DMARC_AUTHOR_ONE, AUTH_PASS, true, REJECT, NONE, false, true,
	false, false, ONWARD_SEND},
    {"by SPF only", DMARC_AUTHOR_ONE, AUTH_PASS, true, REJECT, NONE, false,
	false, false, false, ONWARD_REFUSED},
    {"by SPF only, quarantine", DMARC_AUTHOR_ONE, AUTH_PASS, true, QUARANTINE,
	NONE, false, false, false, false, ONWARD_SEND},
    {"by SPF only, in test", DMARC_AUTHOR_ONE, AUTH_PASS, true, REJECT, NONE,
	true, false, false, false, ONWARD_SEND},
    {"forged, p=none", DMARC_AUTHOR_ONE, AUTH_FAIL, true, NONE, NONE, false,
	false, false, false, ONWARD_SEND},
    /* inbound.dmarc: note */
    {"forged and delivered", DMARC_AUTHOR_ONE, AUTH_FAIL, true, REJECT, REJECT,
	false, false, false, false, ONWARD_KEEP},
    {"forged, quarantine, delivered", DMARC_AUTHOR_ONE, AUTH_FAIL, true,
	QUARANTINE, QUARANTINE, false, false, false, false, ONWARD_KEEP},
    {"junk", DMARC_AUTHOR_ONE, AUTH_FAIL, true, QUARANTINE, QUARANTINE, false,
	false, true, false, ONWARD_KEEP},
    {"junk, though signed", DMARC_AUTHOR_ONE, AUTH_PASS, true, REJECT, NONE,
	false, true, true, false, ONWARD_KEEP},
    {"vouched for", DMARC_AUTHOR_ONE, AUTH_FAIL, true, REJECT, REJECT, false,
	false, false, true, ONWARD_REFUSED},
    {"vouched for, quarantine", DMARC_AUTHOR_ONE, AUTH_FAIL, true, QUARANTINE,
	QUARANTINE, false, false, false, true, ONWARD_SEND},
    {"not known", DMARC_AUTHOR_ONE, AUTH_TEMPERROR, true, REJECT, NONE, false,
	false, false, false, ONWARD_REFUSED},
    {"no author", DMARC_AUTHOR_NONE, AUTH_PERMERROR, false, NONE, NONE, false,
	false, false, false, ONWARD_SEND},
    {"two From", DMARC_AUTHOR_FIELDS, AUTH_PERMERROR, false, NONE, NONE, false,
	false, false, false, ONWARD_KEEP},
    {"two domains", DMARC_AUTHOR_DOMAINS, AUTH_PERMERROR, false, NONE, NONE,
	false, false, false, false, ONWARD_KEEP},
    {"unclear", DMARC_AUTHOR_UNCLEAR, AUTH_PERMERROR, false, NONE, NONE, false,
	false, false, false, ONWARD_KEEP},
};

static struct check_result *
result_new(void)
{
	struct check_result *r = calloc(1, sizeof *r);

	ck_assert_ptr_nonnull(r);
	(void)snprintf(r->mailfrom.domain, sizeof r->mailfrom.domain, "%s",
	    "mail.home.test");
	(void)snprintf(
	    r->dmarc.domain, sizeof r->dmarc.domain, "%s", "home.test");
	(void)snprintf(r->dmarc.org, sizeof r->dmarc.org, "%s", "home.test");
	return r;
}

START_TEST(onward_decide__answers_each_row)
{
	struct check_result *r = result_new();

	r->dmarc.author = rows[_i].author;
	r->dmarc.result = rows[_i].result;
	r->dmarc.published = rows[_i].published;
	r->dmarc.disposition = rows[_i].disposition;
	r->dmarc.record.testing = rows[_i].testing;
	r->dmarc.dkim_aligned = rows[_i].dkim;
	if (rows[_i].policy)
		(void)snprintf(r->dmarc.policy_domain,
		    sizeof r->dmarc.policy_domain, "%s", "home.test");
	ck_assert_msg(
	    onward_decide(r, rows[_i].junk, rows[_i].vouched) == rows[_i].want,
	    "%s", rows[_i].name);
	free(r);
}
END_TEST

/* From this machine itself. */
START_TEST(onward_decide__what_was_not_judged)
{
	ck_assert_int_eq(onward_decide(NULL, false, false), ONWARD_SEND);
	ck_assert_int_eq(onward_decide(NULL, true, false), ONWARD_KEEP);
	ck_assert(!onward_sender_known(NULL));
}
END_TEST

/* A signature does not speak for the sender, not even for one of its domain:
 * else somebody who has one signed message of a large provider could have
 * reports sent to anybody there. */
START_TEST(onward_sender_known__answers_each_row)
{
	static const struct {
		enum auth_result spf, dmarc;
		const char *sender;
		bool null, want;
	} known[] = {
	    {AUTH_PASS, AUTH_NONE, "mail.home.test", false, true},
	    {AUTH_PASS, AUTH_NONE, "mail.home.test", true, false},
	    {AUTH_FAIL, AUTH_PASS, "mail.home.test", false, false},
	    {AUTH_NONE, AUTH_PASS, "home.test", false, false},
	    {AUTH_NEUTRAL, AUTH_PASS, "HOME.Test", false, false},
	    {AUTH_PASS, AUTH_FAIL, "home.test", false, true},
	    {AUTH_NONE, AUTH_PASS, "victim.test", false, false},
	    {AUTH_NONE, AUTH_PASS, "nothome.test", false, false},
	    {AUTH_FAIL, AUTH_FAIL, "home.test", false, false},
	    {AUTH_SOFTFAIL, AUTH_NONE, "home.test", false, false},
	    {AUTH_TEMPERROR, AUTH_TEMPERROR, "home.test", false, false},
	};
	struct check_result *r = result_new();

	r->mailfrom.result = known[_i].spf;
	r->dmarc.result = known[_i].dmarc;
	r->null_sender = known[_i].null;
	(void)snprintf(r->mailfrom.domain, sizeof r->mailfrom.domain, "%s",
	    known[_i].sender);
	ck_assert(onward_sender_known(r) == known[_i].want);
	free(r);
}
END_TEST

UNIT_TESTS(onward)
{
	TCase *t = tcase_create("onward");

	tcase_add_loop_test(t, onward_decide__answers_each_row, 0,
	    sizeof rows / sizeof rows[0]);
	tcase_add_test(t, onward_decide__what_was_not_judged);
	tcase_add_loop_test(t, onward_sender_known__answers_each_row, 0, 11);
	return t;
}
