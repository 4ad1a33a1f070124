#include "ipc/msg_person.h"

static void
state_fields(struct codec *c, struct person_state *v)
{
	codec_bool(c, &v->password);
	codec_bool(c, &v->totp);
	codec_u32(c, &v->recovery);
	codec_u64(c, &v->session);
}

CODEC(person_state, state_fields)

static void
devices_fields(struct codec *c, struct person_devices *v)
{
	uint32_t i;

	codec_list(c, (void **)&v->d, &v->n, sizeof *v->d, PERSON_DEVICES_MAX);
	for (i = 0; i < v->n; i++) {
		codec_text(c, &v->d[i].label, PERSON_LABEL_MAX);
		codec_i64(c, &v->d[i].made);
		codec_i64(c, &v->d[i].used);
		codec_text(c, &v->d[i].service, PERSON_SERVICE_MAX);
		codec_text(c, &v->d[i].peer, ACCOUNT_PEER_MAX);
	}
	codec_list_end(c, (void **)&v->d, &v->n);
}

CODEC(person_devices, devices_fields)

static void
sessions_fields(struct codec *c, struct person_sessions *v)
{
	uint32_t i;

	codec_list(c, (void **)&v->s, &v->n, sizeof *v->s, PERSON_SESSIONS_MAX);
	for (i = 0; i < v->n; i++) {
		codec_u64(c, &v->s[i].number);
		codec_i64(c, &v->s[i].begun);
		codec_i64(c, &v->s[i].used);
		codec_text(c, &v->s[i].peer, ACCOUNT_PEER_MAX);
		codec_text(c, &v->s[i].agent, PAGE_AGENT_MAX);
	}
	codec_list_end(c, (void **)&v->s, &v->n);
}

CODEC(person_sessions, sessions_fields)

static void
logins_fields(struct codec *c, struct person_logins *v)
{
	uint32_t i;

	codec_list(c, (void **)&v->l, &v->n, sizeof *v->l, PERSON_LOGINS_MAX);
	for (i = 0; i < v->n; i++) {
		codec_i64(c, &v->l[i].first);
		codec_i64(c, &v->l[i].last);
		codec_u32(c, &v->l[i].count);
		codec_text(c, &v->l[i].service, PERSON_SERVICE_MAX);
		codec_text(c, &v->l[i].peer, ACCOUNT_PEER_MAX);
		codec_text(c, &v->l[i].client, PAGE_AGENT_MAX);
	}
	codec_list_end(c, (void **)&v->l, &v->n);
}

CODEC(person_logins, logins_fields)

static void
order_fields(struct codec *c, struct person_order *v)
{
	codec_below(c, &v->what, PERSON_WHATS);
	codec_text(c, &v->text, PAGE_PASSWORD_MAX);
	codec_text(c, &v->address, PERSON_ADDRESS_MAX);
	codec_text(c, &v->password, PAGE_PASSWORD_MAX);
	codec_text(c, &v->code, PAGE_CODE_MAX);
	codec_u64(c, &v->number);
}

CODEC(person_order, order_fields)

static void
done_fields(struct codec *c, struct person_done *v)
{
	codec_rc(c, &v->rc);
	codec_below(c, &v->field, PERSON_FIELDS);
	codec_text(c, &v->text, ERR_TEXT_MAX);
	if (v->rc != RC_OK)
		return;
	codec_text(c, &v->secret, PERSON_SECRETS_MAX);
	codec_text(c, &v->link, PERSON_URI_MAX);
}

CODEC(person_done, done_fields)
