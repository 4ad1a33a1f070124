#include <stdio.h>

#include "base/clk.h"
#include "cmd/command/reports.h"
#include "history/words.h"

static const char *const kinds[] = {"dmarc", "tls", "unknown"};
static const char *const done[] = {"none", "quarantine", "reject", "unknown"};

static void
set_text(json_t *j, const char *name, struct sv s)
{
	struct buf b;

	if (s.n == 0)
		return;
	buf_init(&b, 1 << 16);
	history_show(s, &b);
	(void)json_object_set_new(j, name, json_stringn(b.p, b.n));
	buf_fini(&b);
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

/* RFC 3339, UTC. */
static void
set_time(json_t *j, const char *name, int64_t secs)
{
	char text[40];
	struct clk_tm t;

	if (secs <= 0 || secs > 253402300799)
		return;
	clk_civil(secs, &t);
	(void)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ",
	    t.year, t.month, t.day, t.hour, t.minute, t.second);
	(void)json_object_set_new(j, name, json_string(text));
}

static json_t *
json_result(struct sv domain, struct sv result)
{
	json_t *j = json_object();

	set_text(j, "domain", domain);
	set_text(j, "result", result);
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
	set_flag(j, "passed", s->dkim_aligned || s->spf_aligned);
	(void)json_object_set_new(j, "disposition", json_string(done[s->done]));
	set_text(j, "from", s->author);
	set_flag(j, "dkim_aligned", s->dkim_aligned);
	set_flag(j, "spf_aligned", s->spf_aligned);
	(void)json_object_set_new(
	    j, "dkim", json_result(s->dkim_domain, s->dkim_result));
	(void)json_object_set_new(
	    j, "spf", json_result(s->spf_domain, s->spf_result));
	set_text(j, "reason", s->reason);
	return j;
}

static json_t *
json_tls(const struct report_tls *t)
{
	json_t *j = json_object();

	set_text(j, "policy", t->policy);
	set_text(j, "domain", t->domain);
	set_text(j, "failure", t->failure);
	set_count(j, "succeeded", t->good);
	set_count(j, "failed", t->bad);
	set_text(j, "mx", t->mx);
	set_text(j, "mx_address", t->mx_address);
	set_text(j, "sender_address", t->sender_address);
	set_text(j, "info", t->info);
	return j;
}

static void
set_lists(
    json_t *j, const struct report_record *r, const struct report_known *known)
{
	json_t *sources = json_array(), *tls = json_array();
	uint32_t i;

	for (i = 0; i < r->nsource; i++)
		(void)json_array_append_new(
		    sources, json_source(&r->source[i], known));
	for (i = 0; i < r->ntls; i++)
		(void)json_array_append_new(tls, json_tls(&r->tls[i]));
	if (r->kind == REPORT_DMARC)
		(void)json_object_set(j, "sources", sources);
	if (r->kind == REPORT_TLS)
		(void)json_object_set(j, "policies", tls);
	json_decref(sources);
	json_decref(tls);
	if (r->more_passed > 0)
		set_count(j, "more_passed", r->more_passed);
	if (r->more_failed > 0)
		set_count(j, "more_failed", r->more_failed);
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
	set_lists(j, r, known);
	buf_init(&words, 1 << 20);
	report_sentences(r, known, &words);
	set_text(j, "words", sv_trim(buf_sv(&words)));
	buf_fini(&words);
	return j;
}
