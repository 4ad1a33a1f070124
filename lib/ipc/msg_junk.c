#include "ipc/msg_junk.h"

#include "ipc/msg_account.h"

static void
asked_fields(struct codec *c, struct junk_ask *v)
{
	codec_sv(c, &v->features);
}

CODEC(junk_ask, asked_fields)

static void
teach_fields(struct codec *c, struct junk_teach *v)
{
	codec_below(c, &v->teaching, JUNK_TEACHINGS);
	codec_sv(c, &v->features);
}

CODEC(junk_teach, teach_fields)

static void
told_fields(struct codec *c, struct junk_told *v)
{
	uint32_t i;

	codec_rc(c, &v->rc);
	codec_sv(c, &v->text);
	codec_bool(c, &v->junk);
	codec_bool(c, &v->taught);
	codec_i64(c, &v->margin);
	codec_i64(c, &v->border);
	codec_list(c, (void **)&v->reason, &v->nreason, sizeof *v->reason,
	    JUNK_TOLD_MAX);
	for (i = 0; i < v->nreason; i++) {
		codec_u32(c, &v->reason[i].feature);
		codec_i64(c, &v->reason[i].weight);
	}
	codec_list_end(c, (void **)&v->reason, &v->nreason);
}

CODEC(junk_told, told_fields)

static void
order_fields(struct codec *c, struct junk_order *v)
{
	codec_below(c, &v->kind, JUNK_ORDERS);
	codec_text(c, &v->account, ACCOUNT_NAME_MAX);
	codec_below(c, &v->teaching, JUNK_TEACHINGS);
	codec_sv(c, &v->features);
}

CODEC(junk_order, order_fields)

static void
explain_fields(struct codec *c, struct junk_explain *v)
{
	codec_text(c, &v->account, ACCOUNT_NAME_MAX);
	codec_sv(c, &v->mailbox);
	codec_u32(c, &v->uid);
	codec_fd_maybe(c, &v->fd);
}

CODEC(junk_explain, explain_fields)
