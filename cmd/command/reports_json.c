#include "cmd/command/json.h"
#include "cmd/command/reports.h"
#include "report/record.h"

#define TIME_MAX (INT64_MAX / 1000)

static const char *const kinds[] = {"dmarc", "tls", "unknown"};
static const char *const done[] = {"none", "quarantine", "reject", "unknown"};

static void
set_text(json_t *j, const char *name, struct sv s)
{
	if (s.n > 0)
		(void)json_object_set_new(j, name, command_json_text(s));
}

static void
set_count(json_t *j, const char *name, uint64_t n)
{
	(void)json_object_set_new(
	    j, name, json_integer(n < INT64_MAX ? (json_int_t)n : INT64_MAX));
}

static void
set_flag(json_t *j, const char *name, bool yes)
{
	(void)json_object_set_new(j, name, json_boolean(yes));
}

static void
set_time(json_t *j, const char *name, int64_t secs)
{
	json_t *time = secs > 0 && secs < TIME_MAX
			   ? command_json_time(secs * 1000, false)
			   : NULL;

	if (time != NULL && !json_is_null(time))
		(void)json_object_set(j, name, time);
	json_decref(time);
}

static json_t *
json_result(bool aligned, struct sv domain, struct sv result)
{
	json_t *j = json_object();

	set_flag(j, "aligned", aligned);
	set_text(j, "domain", domain);
	set_text(j, "result", result);
	return j;
}

static json_t *
json_sum(const char *good_name, uint64_t good, uint64_t bad)
{
	json_t *j = json_object();

	set_count(j, good_name, good);
	set_count(j, "failed", bad);
	return j;
}

static json_t *
json_source(const struct report_source *s, const struct report_known *known)
{
	json_t *j = json_object();

	set_text(j, "address", s->address);
	set_flag(j, "this_server",
	    known->is_own != NULL && known->is_own(known->arg, s->address));
	set_count(j, "mails", s->count);
	set_flag(j, "passed", report_source_passed(s));
	(void)json_object_set_new(j, "disposition", json_string(done[s->done]));
	set_text(j, "from", s->author);
	(void)json_object_set_new(j, "dkim",
	    json_result(s->dkim_aligned, s->dkim_domain, s->dkim_result));
	(void)json_object_set_new(j, "spf",
	    json_result(s->spf_aligned, s->spf_domain, s->spf_result));
	set_text(j, "reason", s->reason);
	return j;
}

static void
set_sources(
    json_t *j, const struct report_record *r, const struct report_known *known)
{
	json_t *all = json_array();
	uint64_t passed = r->more_passed, failed = r->more_failed;
	uint32_t i;

	for (i = 0; i < r->nsource; i++) {
		const struct report_source *s = &r->source[i];

		report_add_up(
		    report_source_passed(s) ? &passed : &failed, s->count);
		(void)json_array_append_new(all, json_source(s, known));
	}
	(void)json_object_set_new(
	    j, "mails", json_sum("passed", passed, failed));
	(void)json_object_set_new(j, "sources", all);
}

static json_t *
json_failure(const struct report_tls *t)
{
	json_t *j = json_object();

	set_text(j, "result", t->failure);
	set_count(j, "sessions", t->bad);
	set_text(j, "mx", t->mx);
	set_text(j, "mx_address", t->mx_address);
	set_text(j, "sender_address", t->sender_address);
	set_text(j, "info", t->info);
	return j;
}

/* Of a summary, or of a failure whose summary is missing. */
static json_t *
json_policy(const struct report_tls *t)
{
	json_t *j = json_object();
	bool summary = t->failure.n == 0;

	set_text(j, "type", t->policy);
	set_text(j, "domain", t->domain);
	if (summary)
		set_text(j, "mx", t->mx);
	if (summary)
		(void)json_object_set_new(
		    j, "sessions", json_sum("succeeded", t->good, t->bad));
	(void)json_object_set_new(j, "failures", json_array());
	return j;
}

/* A policy's failures come right behind its summary, and are part of its
 * sessions. */
static void
set_policies(json_t *j, const struct report_record *r)
{
	json_t *all = json_array(), *policy = NULL;
	const struct report_tls *of = NULL;
	uint64_t good, bad;
	uint32_t i;

	for (i = 0; i < r->ntls; i++) {
		const struct report_tls *t = &r->tls[i];

		if (t->failure.n == 0 || of == NULL ||
		    !sv_eq(t->policy, of->policy) ||
		    !sv_eq(t->domain, of->domain)) {
			policy = json_policy(t);
			of = t;
			(void)json_array_append_new(all, policy);
		}
		if (t->failure.n > 0)
			(void)json_array_append_new(
			    json_object_get(policy, "failures"),
			    json_failure(t));
	}
	report_tls_sums(r, &good, &bad);
	(void)json_object_set_new(
	    j, "sessions", json_sum("succeeded", good, bad));
	(void)json_object_set_new(j, "policies", all);
}

json_t *
reports_json(const struct report_record *r, const struct report_known *known)
{
	json_t *j = json_object();
	struct buf words;

	(void)json_object_set_new(j, "kind", json_string(kinds[r->kind]));
	set_text(j, "organisation", r->org);
	set_text(j, "contact", r->contact);
	set_text(j, "id", r->id);
	set_text(j, "sent_by", r->from);
	set_flag(j, "verified", r->verified);
	set_time(j, "received", r->received);
	set_text(j, "domain", r->domain);
	set_time(j, "begin", r->begin);
	set_time(j, "end", r->end);
	set_text(j, "policy", r->policy);
	set_text(j, "subdomain_policy", r->sub_policy);
	set_text(j, "not_read", r->refused);
	set_text(j, "trouble", r->trouble);
	if (r->kind == REPORT_DMARC)
		set_sources(j, r, known);
	else if (r->kind == REPORT_TLS)
		set_policies(j, r);
	buf_init(&words, 1 << 20);
	report_sentences(r, known, &words);
	set_text(j, "words", sv_trim(buf_sv(&words)));
	buf_fini(&words);
	return j;
}
