#include "ipc/msg_report.h"

#define TEXT(c, v) codec_text(c, v, REPORT_TEXT_MAX)

static void
mail_fields(struct codec *c, struct report_mail *v)
{
	TEXT(c, &v->from);
	codec_bool(c, &v->verified);
	codec_i64(c, &v->received);
	codec_u64(c, &v->size);
	codec_bool(c, &v->expected);
	codec_bool(c, &v->deadly);
	codec_fd_maybe(c, &v->fd);
}

CODEC(report_mail, mail_fields)

static void
source_fields(struct codec *c, struct report_source *v)
{
	TEXT(c, &v->address);
	codec_u64(c, &v->count);
	codec_below(c, &v->done, REPORT_DONE_COUNT);
	codec_bool(c, &v->dkim_aligned);
	codec_bool(c, &v->spf_aligned);
	TEXT(c, &v->author);
	TEXT(c, &v->dkim_domain);
	TEXT(c, &v->dkim_result);
	TEXT(c, &v->spf_domain);
	TEXT(c, &v->spf_result);
	TEXT(c, &v->reason);
}

static void
tls_fields(struct codec *c, struct report_tls *v)
{
	TEXT(c, &v->policy);
	TEXT(c, &v->domain);
	TEXT(c, &v->failure);
	codec_u64(c, &v->good);
	codec_u64(c, &v->bad);
	TEXT(c, &v->mx);
	TEXT(c, &v->mx_address);
	TEXT(c, &v->sender_address);
	TEXT(c, &v->info);
}

static void
record_fields(struct codec *c, struct report_record *v)
{
	uint32_t i;

	codec_below(c, &v->kind, REPORT_KINDS);
	TEXT(c, &v->refused);
	TEXT(c, &v->trouble);
	TEXT(c, &v->from);
	codec_bool(c, &v->verified);
	codec_i64(c, &v->received);
	TEXT(c, &v->org);
	TEXT(c, &v->contact);
	TEXT(c, &v->id);
	TEXT(c, &v->domain);
	codec_i64(c, &v->begin);
	codec_i64(c, &v->end);
	TEXT(c, &v->policy);
	TEXT(c, &v->sub_policy);
	codec_list(c, (void **)&v->source, &v->nsource, sizeof *v->source,
	    REPORT_SOURCES_MAX);
	for (i = 0; i < v->nsource; i++)
		source_fields(c, &v->source[i]);
	codec_list_end(c, (void **)&v->source, &v->nsource);
	codec_u64(c, &v->more_passed);
	codec_u64(c, &v->more_failed);
	codec_list(
	    c, (void **)&v->tls, &v->ntls, sizeof *v->tls, REPORT_TLS_MAX);
	for (i = 0; i < v->ntls; i++)
		tls_fields(c, &v->tls[i]);
	codec_list_end(c, (void **)&v->tls, &v->ntls);
}

CODEC(report_record, record_fields)

static void
ask_fields(struct codec *c, struct reports_ask *v)
{
	codec_i64(c, &v->since);
	codec_u64(c, &v->behind);
}

CODEC(reports_ask, ask_fields)

static void
answer_fields(struct codec *c, struct reports_answer *v)
{
	uint32_t i;

	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
	codec_bool(c, &v->more);
	codec_u64(c, &v->last);
	codec_list(
	    c, (void **)&v->record, &v->n, sizeof *v->record, REPORTS_PAGE_MAX);
	for (i = 0; i < v->n; i++)
		codec_sv(c, &v->record[i]);
	codec_list_end(c, (void **)&v->record, &v->n);
}

CODEC(reports_answer, answer_fields)

static void
row_fields(struct codec *c, struct feedback_row *v)
{
	uint32_t i;

	TEXT(c, &v->address);
	codec_u64(c, &v->count);
	codec_below(c, &v->done, REPORT_DONE_UNKNOWN);
	codec_bool(c, &v->dkim_aligned);
	codec_bool(c, &v->spf_aligned);
	TEXT(c, &v->reason);
	TEXT(c, &v->author);
	TEXT(c, &v->envelope);
	codec_list(c, (void **)&v->dkim, &v->ndkim, sizeof *v->dkim,
	    FEEDBACK_DKIM_MAX);
	for (i = 0; i < v->ndkim; i++) {
		TEXT(c, &v->dkim[i].domain);
		TEXT(c, &v->dkim[i].selector);
		TEXT(c, &v->dkim[i].result);
	}
	codec_list_end(c, (void **)&v->dkim, &v->ndkim);
	TEXT(c, &v->spf_domain);
	TEXT(c, &v->spf_result);
}

CODEC(feedback_row, row_fields)

static void
policy_fields(struct codec *c, struct feedback_policy *v)
{
	TEXT(c, &v->domain);
	TEXT(c, &v->p);
	TEXT(c, &v->sp);
	TEXT(c, &v->np);
	TEXT(c, &v->adkim);
	TEXT(c, &v->aspf);
	TEXT(c, &v->fo);
	codec_bool(c, &v->testing);
}

CODEC(feedback_policy, policy_fields)

static void
seen_fields(struct codec *c, struct feedback_seen *v)
{
	codec_i64(c, &v->when);
	codec_bool(c, &v->accepted);
	policy_fields(c, &v->policy);
	row_fields(c, &v->row);
}

CODEC(feedback_seen, seen_fields)

static void
wanted_fields(struct codec *c, struct feedback_wanted *v)
{
	codec_i64(c, &v->when);
	TEXT(c, &v->domain);
	TEXT(c, &v->address);
}

CODEC(feedback_wanted, wanted_fields)

static void
due_fields(struct codec *c, struct feedback_due *v)
{
	uint32_t i;

	codec_rc(c, &v->rc);
	codec_i64(c, &v->begin);
	codec_i64(c, &v->end);
	policy_fields(c, &v->policy);
	codec_list(c, (void **)&v->to, &v->nto, sizeof *v->to, FEEDBACK_TO_MAX);
	for (i = 0; i < v->nto; i++)
		TEXT(c, &v->to[i]);
	codec_list_end(c, (void **)&v->to, &v->nto);
	codec_list(
	    c, (void **)&v->row, &v->nrow, sizeof *v->row, FEEDBACK_ROWS_MAX);
	for (i = 0; i < v->nrow; i++)
		row_fields(c, &v->row[i]);
	codec_list_end(c, (void **)&v->row, &v->nrow);
}

CODEC(feedback_due, due_fields)

static void
done_fields(struct codec *c, struct feedback_done *v)
{
	codec_i64(c, &v->begin);
	TEXT(c, &v->domain);
}

CODEC(feedback_done, done_fields)

static void
rest_fields(struct codec *c, struct feedback_rest *v)
{
	TEXT(c, &v->address);
	codec_i64(c, &v->until);
}

CODEC(feedback_rest, rest_fields)
