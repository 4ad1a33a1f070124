#include "ipc/msg_account.h"

static void
name_field(struct codec *c, struct sv *v)
{
	codec_text(c, v, ACCOUNT_NAME_MAX);
}

int
msg_account_name(struct msg *m, char name[ACCOUNT_NAME_MAX])
{
	struct codec c = {m, CODEC_GET};
	size_t at = m->at;
	struct sv v;

	name_field(&c, &v);
	sv_copy(v, name, ACCOUNT_NAME_MAX);
	m->at = at;
	return m->bad ? RC_SYNTAX : RC_OK;
}

static void
open_fields(struct codec *c, struct session_open *v)
{
	name_field(c, &v->account);
	codec_u8(c, &v->service);
	codec_u64(c, &v->credential);
	codec_text(c, &v->peer, ACCOUNT_PEER_MAX);
	codec_bool(c, &v->tls);
	codec_sv(c, &v->tag);
	codec_fd_maybe(c, &v->fd);
}

CODEC(session_open, open_fields)

static void
kick_fields(struct codec *c, struct session_kick *v)
{
	name_field(c, &v->account);
	codec_u64(c, &v->credential);
}

CODEC(session_kick, kick_fields)

static void
local_fields(struct codec *c, struct session_local *v)
{
	name_field(c, &v->account);
	codec_u64(c, &v->who);
	codec_fd_maybe(c, &v->fd);
}

CODEC(session_local, local_fields)

static void
delivery_fields(struct codec *c, struct mail_delivery *v)
{
	name_field(c, &v->account);
	codec_bytes(c, v->delivery_id, sizeof v->delivery_id);
	codec_u64(c, &v->size);
	codec_u8(c, &v->flags);
	codec_sv(c, &v->front);
	codec_sv(c, &v->verdict);
	codec_u8(c, &v->junk_score);
	codec_text(c, &v->sender, ACCOUNT_ADDRESS_MAX);
	codec_text(c, &v->written, ACCOUNT_ADDRESS_MAX);
	codec_fd_maybe(c, &v->fd);
}

CODEC(mail_delivery, delivery_fields)

void
mail_delivery_mark(struct msg *m, uint8_t flag)
{
	struct mail_delivery d;
	struct msg marked;

	m->at = 0;
	m->bad = false;
	if (mail_delivery_get(m, &d) != RC_OK)
		return; /* the account refuses it */
	d.flags |= flag;
	msg_init(&marked, m->type);
	marked.id = m->id;
	marked.deadline = m->deadline;
	mail_delivery_put(&marked, &d);
	msg_fini(m);
	*m = marked;
}

static void
ask_fields(struct codec *c, struct expunged_ask *v)
{
	name_field(c, &v->account);
	codec_below(c, &v->q.action, EXPUNGED_ACTIONS);
	codec_i64(c, &v->q.since);
	codec_sv(c, &v->q.from);
	codec_sv(c, &v->q.subject);
	codec_sv(c, &v->q.id);
	codec_sv(c, &v->q.folder);
	codec_sv(c, &v->q.to);
	codec_fd_maybe(c, &v->fd);
}

CODEC(expunged_ask, ask_fields)

static void
done_fields(struct codec *c, struct expunged_done *v)
{
	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
	if (v->rc != RC_OK)
		return;
	codec_u64(c, &v->messages);
	codec_u64(c, &v->bytes);
	codec_u64(c, &v->freed);
}

CODEC(expunged_done, done_fields)

static void
mail_fields(struct codec *c, struct account_mail *v)
{
	name_field(c, &v->account);
	codec_bytes(c, v->id, sizeof v->id);
	codec_below(c, &v->kind, ACCOUNT_MAIL_KINDS);
	codec_text(c, &v->sender, ACCOUNT_ADDRESS_MAX);
	codec_text(c, &v->to, ACCOUNT_ADDRESS_MAX);
	codec_text(c, &v->via, ACCOUNT_ADDRESS_MAX);
	codec_sv(c, &v->results);
	codec_u64(c, &v->size);
	codec_fd_maybe(c, &v->fd);
}

CODEC(account_mail, mail_fields)

static void
sent_fields(struct codec *c, struct account_sent *v)
{
	name_field(c, &v->account);
	codec_bytes(c, v->id, sizeof v->id);
	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
}

CODEC(account_sent, sent_fields)

static void
rules_fields(struct codec *c, struct rules_ask *v)
{
	name_field(c, &v->account);
	codec_below(c, &v->action, RULES_ACTIONS);
	codec_sv(c, &v->name);
	codec_sv(c, &v->to);
	codec_text(c, &v->sender, ACCOUNT_ADDRESS_MAX);
	codec_text(c, &v->written, ACCOUNT_ADDRESS_MAX);
	codec_u64(c, &v->size);
	codec_fd_maybe(c, &v->fd);
}

CODEC(rules_ask, rules_fields)

static void
usage_fields(struct codec *c, struct account_usage *v)
{
	codec_u64(c, &v->bytes);
	codec_u64(c, &v->quota);
}

CODEC(account_usage, usage_fields)

static void
full_fields(struct codec *c, struct account_full *v)
{
	name_field(c, &v->account);
	codec_bool(c, &v->full);
}

CODEC(account_full, full_fields)
