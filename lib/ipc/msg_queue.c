#include "ipc/msg_queue.h"

static void
file_fields(struct codec *c, struct queue_file *v)
{
	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
	codec_fd_maybe(c, &v->fd);
}

CODEC(queue_file, file_fields)

static void
mail_fields(struct codec *c, struct queue_mail *v)
{
	uint32_t i;

	codec_bytes(c, v->delivery_id, sizeof v->delivery_id);
	codec_text(c, &v->sender, MSG_MAX);
	codec_text(c, &v->owner, MSG_MAX);
	codec_u64(c, &v->size);
	codec_u32(c, &v->flags);
	codec_sv(c, &v->front);
	codec_sv(c, &v->results);
	codec_sv(c, &v->verdict);
	codec_list(
	    c, (void **)&v->to, &v->nto, sizeof *v->to, QUEUE_RECIPIENTS_MAX);
	for (i = 0; i < v->nto; i++) {
		codec_bool(c, &v->to[i].local);
		codec_bool(c, &v->to[i].forward);
		codec_text(c, &v->to[i].address, QUEUE_ADDRESS_MAX + 1);
		codec_bool(c, &v->to[i].junk);
		codec_u8(c, &v->to[i].override);
		codec_u8(c, &v->to[i].onward);
		codec_text(c, &v->to[i].written, QUEUE_ADDRESS_MAX + 1);
	}
	codec_list_end(c, (void **)&v->to, &v->nto);
	codec_fd_maybe(c, &v->fd);
}

CODEC(queue_mail, mail_fields)

static void
return_fields(struct codec *c, struct queue_return *v)
{
	codec_text(c, &v->address, QUEUE_ADDRESS_MAX + 1);
}

CODEC(queue_return, return_fields)

static void
known_fields(struct codec *c, struct queue_known *v)
{
	codec_text(c, &v->account, MSG_MAX);
	codec_text(c, &v->address, QUEUE_ADDRESS_MAX + 1);
}

CODEC(queue_known, known_fields)

static void
grey_fields(struct codec *c, struct queue_grey *v)
{
	codec_sv(c, &v->triple);
}

CODEC(queue_grey, grey_fields)

static void
selector_fields(struct codec *c, struct queue_selector **s, uint32_t *n)
{
	uint32_t i;

	codec_list(c, (void **)s, n, sizeof **s, QUEUE_SELECTORS_MAX);
	for (i = 0; i < *n; i++) {
		codec_below(c, &(*s)[i].pick, QUEUE_PICKS);
		codec_sv(c, &(*s)[i].text);
		codec_u64(c, &(*s)[i].id);
	}
	codec_list_end(c, (void **)s, n);
}

static void
list_fields(struct codec *c, struct queue_list *v)
{
	codec_bool(c, &v->attempts);
	selector_fields(c, &v->s, &v->n);
}

CODEC(queue_list, list_fields)

static void
listed_fields(struct codec *c, struct queue_listed *v)
{
	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
	codec_u32(c, &v->n);
	codec_fd_maybe(c, &v->fd);
}

CODEC(queue_listed, listed_fields)

static void
act_fields(struct codec *c, struct queue_act *v)
{
	codec_below(c, &v->action, QUEUE_ACTIONS);
	selector_fields(c, &v->s, &v->n);
}

CODEC(queue_act, act_fields)

static void
done_fields(struct codec *c, struct queue_done *v)
{
	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
	codec_u32(c, &v->messages);
	codec_u32(c, &v->recipients);
	codec_u32(c, &v->busy);
	codec_u32(c, &v->held);
}

CODEC(queue_done, done_fields)
