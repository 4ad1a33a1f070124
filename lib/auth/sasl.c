#include "auth/sasl.h"

#include "base/base64.h"

void
sasl_init(struct sasl *s)
{
	s->step = SASL_IDLE;
	buf_init(&s->name, SASL_MAX);
}

void
sasl_forget(struct sasl *s)
{
	s->step = SASL_IDLE;
	buf_wipe(&s->name);
}

/* Room is made at once, so that no outgrown copy of a secret is left. */
static bool
decode(struct sv text, struct buf *into)
{
	buf_reset(into);
	if (buf_reserve(into, text.n / 4 * 3 + 3) != NULL &&
	    base64_decode(text, into) == RC_OK)
		return true;
	buf_wipe(into);
	return false;
}

/* message = [authzid] UTF8NUL authcid UTF8NUL passwd  [RFC 4616 2] */
enum sasl_next
sasl_compose(struct sv name, struct sv password, struct buf *message)
{
	buf_reset(message);
	/* A NUL inside would shift the fields. */
	if (sv_chr(name, '\0') < name.n || sv_chr(password, '\0') < password.n)
		return SASL_NO_NAME;
	if (buf_reserve(message, name.n + password.n + 2) == NULL) {
		buf_wipe(message);
		return SASL_NO_NAME;
	}
	buf_addc(message, '\0');
	buf_addsv(message, name);
	buf_addc(message, '\0');
	buf_addsv(message, password);
	return SASL_MESSAGE;
}

static enum sasl_next
take_password(struct sasl *s, struct sv response, struct buf *message)
{
	enum sasl_next next = SASL_NO_BASE64;
	struct buf password;

	buf_init(&password, SASL_MAX);
	if (decode(response, &password))
		next =
		    sasl_compose(buf_sv(&s->name), buf_sv(&password), message);
	buf_wipe(&password);
	return next;
}

enum sasl_next
sasl_respond(struct sasl *s, struct sv response, struct buf *message)
{
	enum sasl_next next = SASL_NO_BASE64;

	buf_reset(message);
	switch (s->step) {
	case SASL_PLAIN:
		if (decode(response, message))
			next = SASL_MESSAGE;
		break;
	case SASL_LOGIN_NAME:
		if (!decode(response, &s->name))
			break;
		s->step = SASL_LOGIN_PASSWORD;
		s->challenge = "UGFzc3dvcmQ6"; /* "Password:" */
		return SASL_CHALLENGE;
	case SASL_LOGIN_PASSWORD:
		next = take_password(s, response, message);
		break;
	case SASL_IDLE:
		break;
	}
	sasl_forget(s);
	return next;
}

enum sasl_next
sasl_start(
    struct sasl *s, struct sv mechanism, struct sv initial, struct buf *message)
{
	bool plain = sv_ieq(mechanism, SV("PLAIN"));

	sasl_forget(s);
	if (!plain && !sv_ieq(mechanism, SV("LOGIN")))
		return SASL_NO_MECHANISM;
	s->step = plain ? SASL_PLAIN : SASL_LOGIN_NAME;
	if (initial.p != NULL)
		return sasl_respond(s, initial, message);
	s->challenge = plain ? "" : "VXNlcm5hbWU6"; /* "Username:" */
	return SASL_CHALLENGE;
}
