#include "test/unit/report/dump.h"

#include <check.h>
#include <string.h>

static const char *const done[] = {"let", "junk", "refused", "?"};

static void
dump_source(const struct report_source *s, struct buf *out)
{
	buf_addf(out,
	    "%.*s x%llu %s %s/%s from=%.*s dkim=%.*s:%.*s "
	    "spf=%.*s:%.*s",
	    SV_ARG(s->address), (unsigned long long)s->count, done[s->done],
	    s->dkim_aligned ? "pass" : "fail", s->spf_aligned ? "pass" : "fail",
	    SV_ARG(s->author), SV_ARG(s->dkim_domain), SV_ARG(s->dkim_result),
	    SV_ARG(s->spf_domain), SV_ARG(s->spf_result));
	if (s->reason.n > 0)
		buf_addf(out, " (%.*s)", SV_ARG(s->reason));
	buf_addc(out, '\n');
}

void
dump(const struct report_record *r, struct buf *out)
{
	uint32_t i;

	if (r->refused.n > 0)
		buf_addf(out, "refused: %.*s\n", SV_ARG(r->refused));
	buf_addf(out, "%.*s <%.*s> id=%.*s %.*s %lld-%lld p=%.*s sp=%.*s\n",
	    SV_ARG(r->org), SV_ARG(r->contact), SV_ARG(r->id),
	    SV_ARG(r->domain), (long long)r->begin, (long long)r->end,
	    SV_ARG(r->policy), SV_ARG(r->sub_policy));
	for (i = 0; i < r->nsource; i++)
		dump_source(&r->source[i], out);
	if (r->more_passed > 0 || r->more_failed > 0)
		buf_addf(out, "more: %llu passed, %llu failed\n",
		    (unsigned long long)r->more_passed,
		    (unsigned long long)r->more_failed);
	for (i = 0; i < r->ntls; i++) {
		const struct report_tls *t = &r->tls[i];

		buf_addf(out,
		    "%.*s %.*s [%.*s] +%llu -%llu mx=%.*s,%.*s "
		    "by=%.*s (%.*s)\n",
		    SV_ARG(t->policy), SV_ARG(t->domain), SV_ARG(t->failure),
		    (unsigned long long)t->good, (unsigned long long)t->bad,
		    SV_ARG(t->mx), SV_ARG(t->mx_address),
		    SV_ARG(t->sender_address), SV_ARG(t->info));
	}
	if (r->trouble.n > 0)
		buf_addf(out, "trouble: %.*s\n", SV_ARG(r->trouble));
}

void
dump_check(dump_read_fn *read, const struct dump_row *row)
{
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	struct report_builder b;
	struct err err = {.text = ""};
	struct buf out;
	int r;

	buf_init(&out, 1 << 20);
	report_builder_init(&b, &limits);
	r = read(&b, sv_str(row->document), &err);
	ck_assert_msg(
	    r == row->rc, "%s: %s %s", row->name, rc_name(r), err.text);
	if (r == RC_OK)
		dump(&b.r, &out);
	else
		buf_adds(&out, err.text);
	ck_assert_msg(strcmp(out.p, row->want) == 0, "%s:\n%s\nwant:\n%s",
	    row->name, out.p, row->want);
	report_builder_fini(&b);
	buf_fini(&out);
}
