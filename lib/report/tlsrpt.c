#include "report/tlsrpt.h"

#include <jansson.h>
#include <math.h>
#include <sodium.h>

#include "base/utf8.h"
#include "report/text.h"

#define VALUES_PER_RECORD 10

/* ---- before it is parsed ---- */

/* Valid UTF-8 without control characters, none of which JSON needs. */
static void
mend(struct sv s, struct buf *out)
{
	size_t i;

	if (report_text_is_utf16(s))
		report_text_from_utf16(s, out);
	else
		utf8_repair(out, report_text_begin(s));
	for (i = 0; i < out->n; i++)
		if ((unsigned char)out->p[i] < ' ')
			out->p[i] = ' ';
}

/* Is it meant to be one, readable or not? */
static bool
looks_like_one(struct sv s)
{
	size_t i = 0;

	while (i < s.n && s.p[i] == ' ')
		i++;
	return i < s.n && s.p[i] == '{' &&
	       (sv_find(s, SV("\"organization-name\"")) < s.n ||
		   sv_find(s, SV("\"policies\"")) < s.n);
}

/* What it would take to hold it. */
static int
measure(struct sv s, const struct report_limits *limits, struct err *err)
{
	uint64_t values = 0,
		 max = (uint64_t)limits->records * VALUES_PER_RECORD;
	uint32_t depth = 0;
	bool string = false;
	size_t i;

	for (i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (string && c == '\\') {
			i++;
		} else if (c == '"') {
			string = !string;
		} else if (!string && (c == '{' || c == '[')) {
			values++;
			if (++depth > limits->depth)
				return err_set(err, RC_TOOBIG,
				    "its values are nested more than %u deep",
				    limits->depth);
		} else if (!string && (c == '}' || c == ']')) {
			if (depth > 0)
				depth--;
		} else if (!string && (c == ',' || c == ':')) {
			values++;
		}
		if (values > max)
			return err_set(err, RC_TOOBIG,
			    "it has more than %llu values",
			    (unsigned long long)max);
	}
	return RC_OK;
}

/* ---- values ---- */

/* A string, or the first string of a list. */
static struct sv
text_of(const json_t *v)
{
	if (json_is_array(v))
		v = json_array_get(v, 0);
	return json_is_string(v)
		   ? sv_of(json_string_value(v), json_string_length(v))
		   : SV("");
}

static struct sv
member(const json_t *o, const char *name)
{
	return text_of(json_object_get(o, name));
}

/* A list, or the one thing that should have been in one. */
static size_t
list_size(const json_t *v)
{
	return json_is_array(v) ? json_array_size(v) : json_is_object(v);
}

static const json_t *
list_get(const json_t *v, size_t i)
{
	return json_is_array(v) ? json_array_get(v, i) : v;
}

/* false: it is there and not a number of sessions. */
static bool
take_count(const json_t *o, const char *name, uint64_t *out)
{
	const json_t *v = json_object_get(o, name);
	double d;

	*out = 0;
	if (v == NULL || json_is_null(v))
		return true;
	if (json_is_string(v))
		return sv_to_u64(text_of(v), INT64_MAX, out) == RC_OK;
	if (json_is_integer(v)) {
		*out = (uint64_t)json_integer_value(v);
		return json_integer_value(v) >= 0;
	}
	d = json_is_real(v) ? json_real_value(v) : -1;
	if (!(d >= 0 && d <= 9e15) || floor(d) < d)
		return false;
	*out = (uint64_t)d;
	return true;
}

/* ---- the report ---- */

static void
add_failure(struct report_builder *b, struct report_tls t, const json_t *f)
{
	struct sv code = member(f, "failure-reason-code");

	t.failure = member(f, "result-type");
	if (t.failure.n == 0)
		t.failure = SV("unknown");
	t.good = 0;
	if (!take_count(f, "failed-session-count", &t.bad)) {
		report_trouble(b, "a number of failed sessions is not valid");
		return;
	}
	t.mx = member(f, "receiving-mx-hostname");
	t.mx_address = member(f, "receiving-ip");
	t.sender_address = member(f, "sending-mta-ip");
	t.info = code.n > 0 ? code : member(f, "additional-information");
	report_add_tls(b, &t);
}

static void
add_policy(struct report_builder *b, const json_t *p)
{
	const json_t *policy = json_object_get(p, "policy");
	const json_t *summary = json_object_get(p, "summary");
	const json_t *failures = json_object_get(p, "failure-details");
	struct report_tls t = {.policy = member(policy, "policy-type"),
	    .domain = member(policy, "policy-domain"),
	    .mx = member(policy, "mx-host")};
	size_t i;

	if (b->r.domain.n == 0)
		b->r.domain = report_domain(b, t.domain);
	if (!take_count(summary, "total-successful-session-count", &t.good) ||
	    !take_count(summary, "total-failure-session-count", &t.bad))
		report_trouble(b, "a number of sessions is not valid");
	else
		report_add_tls(b, &t);
	for (i = 0; i < list_size(failures); i++)
		add_failure(b, t, list_get(failures, i));
}

static int
take_report(struct report_builder *b, const json_t *o, struct err *err)
{
	const json_t *range = json_object_get(o, "date-range");
	const json_t *policies = json_object_get(o, "policies");
	size_t i;

	if (policies == NULL && json_object_get(o, "organization-name") == NULL)
		return err_set(err, RC_NOTFOUND, "it is not a TLS report");
	b->r.org = report_text(b, member(o, "organization-name"));
	b->r.contact = report_text(b, member(o, "contact-info"));
	b->r.id = report_text(b, member(o, "report-id"));
	b->r.begin = report_time(member(range, "start-datetime"));
	b->r.end = report_time(member(range, "end-datetime"));
	if (list_size(policies) == 0)
		return err_set(err, RC_SYNTAX, "it has no policies");
	for (i = 0; i < list_size(policies); i++)
		add_policy(b, list_get(policies, i));
	return RC_OK;
}

int
tlsrpt_read(struct report_builder *b, struct sv document, struct err *err)
{
	size_t seed = 1, flags = JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL;
	json_error_t why;
	struct buf doc;
	json_t *o = NULL;
	int r;

	b->r.kind = REPORT_TLS;
	if (document.n > b->limits->unpacked)
		return err_set(err, RC_TOOBIG, "it has more than %zu bytes",
		    b->limits->unpacked);
	/* A bad byte becomes three. */
	buf_init(&doc, 3 * b->limits->unpacked + 3);
	mend(document, &doc);
	r = looks_like_one(buf_sv(&doc))
		? measure(buf_sv(&doc), b->limits, err)
		: err_set(err, RC_NOTFOUND, "it is not a TLS report");
	if (r == RC_OK) {
		randombytes_buf(&seed, sizeof seed);
		json_object_seed(seed | 1);
		o = json_loadb(doc.p, doc.n, flags, &why);
		r = o != NULL ? take_report(b, o, err)
			      : err_set(err, RC_SYNTAX,
				    "its JSON is damaged in line %d: %s",
				    why.line, why.text);
		json_decref(o);
	}
	buf_fini(&doc);
	return r;
}
