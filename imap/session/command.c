#include "imap/session/session_priv.h"

/*
 * Every command [RFC 3501 6 and the extensions], in which states it is legal,
 * and what is special about it.  The commands of the state before login are
 * here to be refused.
 */
#define NAME(lit)                    \
	{                            \
		lit, sizeof(lit) - 1 \
	}
#define KEEPS IMAP_VERB_KEEPS_NUMBERS

const struct imap_verb imap_verbs[] = {
    /* clang-format off */
    {NAME("APPEND"), imap_cmd_append, IMAP_ST_ANY, 0, imap_append_literal},
    {NAME("AUTHENTICATE"), imap_cmd_logged_in, IMAP_ST_NONE, 0, NULL},
    {NAME("CAPABILITY"), imap_cmd_capability, IMAP_ST_ANY, 0, NULL},
    {NAME("CHECK"), imap_cmd_check, IMAP_ST_SELECTED, 0, NULL},
    {NAME("CLOSE"), imap_cmd_close, IMAP_ST_SELECTED, IMAP_VERB_NO_SYNC, NULL},
    {NAME("COPY"), imap_cmd_copy, IMAP_ST_SELECTED, IMAP_VERB_UID, NULL},
    {NAME("CREATE"), imap_cmd_create, IMAP_ST_ANY, 0, NULL},
    {NAME("DELETE"), imap_cmd_delete, IMAP_ST_ANY, 0, NULL},
    {NAME("ENABLE"), imap_cmd_enable, IMAP_ST_ANY, 0, NULL},
    {NAME("EXAMINE"), imap_cmd_examine, IMAP_ST_ANY, IMAP_VERB_NO_SYNC, NULL},
    {NAME("EXPUNGE"), imap_cmd_expunge, IMAP_ST_SELECTED, IMAP_VERB_UID, NULL},
    {NAME("FETCH"), imap_cmd_fetch, IMAP_ST_SELECTED, IMAP_VERB_UID | KEEPS, NULL},
    {NAME("GETQUOTA"), imap_cmd_getquota, IMAP_ST_ANY, 0, NULL},
    {NAME("GETQUOTAROOT"), imap_cmd_getquotaroot, IMAP_ST_ANY, 0, NULL},
    {NAME("ID"), imap_cmd_id, IMAP_ST_ANY, 0, NULL},
    {NAME("IDLE"), imap_cmd_idle, IMAP_ST_ANY, 0, NULL},
    {NAME("LIST"), imap_cmd_list, IMAP_ST_ANY, 0, NULL},
    {NAME("LOGIN"), imap_cmd_logged_in, IMAP_ST_NONE, 0, NULL},
    {NAME("LOGOUT"), imap_cmd_logout, IMAP_ST_ANY, IMAP_VERB_NO_SYNC, NULL},
    {NAME("LSUB"), imap_cmd_lsub, IMAP_ST_ANY, 0, NULL},
    {NAME("MOVE"), imap_cmd_move, IMAP_ST_SELECTED, IMAP_VERB_UID, NULL},
    {NAME("NAMESPACE"), imap_cmd_namespace, IMAP_ST_ANY, 0, NULL},
    {NAME("NOOP"), imap_cmd_noop, IMAP_ST_ANY, 0, NULL},
    {NAME("RENAME"), imap_cmd_rename, IMAP_ST_ANY, 0, NULL},
    {NAME("REPLACE"), imap_cmd_replace, IMAP_ST_SELECTED, IMAP_VERB_UID, imap_replace_literal},
    {NAME("SEARCH"), imap_cmd_search, IMAP_ST_SELECTED, IMAP_VERB_UID | KEEPS, NULL},
    {NAME("SELECT"), imap_cmd_select, IMAP_ST_ANY, IMAP_VERB_NO_SYNC, NULL},
    {NAME("SETQUOTA"), imap_cmd_setquota, IMAP_ST_ANY, 0, NULL},
    {NAME("STARTTLS"), imap_cmd_logged_in, IMAP_ST_NONE, 0, NULL},
    {NAME("STATUS"), imap_cmd_status, IMAP_ST_ANY, 0, NULL},
    {NAME("STORE"), imap_cmd_store, IMAP_ST_SELECTED, IMAP_VERB_UID | KEEPS, NULL},
    {NAME("SUBSCRIBE"), imap_cmd_subscribe, IMAP_ST_ANY, 0, NULL},
    {NAME("UNSELECT"), imap_cmd_unselect, IMAP_ST_SELECTED, IMAP_VERB_NO_SYNC, NULL},
    {NAME("UNSUBSCRIBE"), imap_cmd_unsubscribe, IMAP_ST_ANY, 0, NULL},
    /* clang-format on */
};

const size_t imap_nverbs = sizeof imap_verbs / sizeof imap_verbs[0];

/* ---- dispatch ---- */

static const struct imap_verb *
find(struct sv name)
{
	size_t i;

	for (i = 0; i < imap_nverbs; i++)
		if (sv_ieq(name, imap_verbs[i].name))
			return &imap_verbs[i];
	return NULL;
}

/*
 * command = tag SP (command-any / command-auth / command-select) CRLF
 * Reads up to the name; false after having answered.
 */
static bool
begin(struct imap_cmd *c, struct imap_session *s, struct sv text)
{
	struct sv name = SV("");
	int r;

	*c = (struct imap_cmd){.s = s, .tag = SV("*")};
	imap_in_init(&c->in, text, &s->lim, &s->arena);
	c->in.utf8 = s->rev2;
	r = imap_tag(&c->in, &c->tag);
	if (r == RC_OK)
		r = imap_sp(&c->in);
	if (r == RC_OK)
		r = imap_atom(&c->in, &name);
	if (r == RC_OK && sv_ieq(name, SV("UID"))) {
		c->uid = true;
		r = imap_sp(&c->in);
		if (r == RC_OK)
			r = imap_atom(&c->in, &name);
	}
	if (r != RC_OK) {
		imap_syntax(c, r);
		return false;
	}
	c->verb = find(name);
	if (c->verb == NULL || (c->uid && !(c->verb->flags & IMAP_VERB_UID))) {
		c->verb = NULL;
		imap_bad(c, "Unknown command.");
		return false;
	}
	if (!(c->verb->states & s->state) && c->verb->states != IMAP_ST_NONE) {
		imap_bad(c, "Select a mailbox first.");
		return false;
	}
	return true;
}

void
imap_command_run(struct imap_session *s)
{
	struct imap_cmd c;

	s->commands++;
	if (begin(&c, s, buf_sv(&s->frame.text)))
		c.verb->run(&c);
	imap_command_finish(&c);
}

void
imap_command_toolong(struct imap_session *s)
{
	struct imap_cmd c;

	(void)begin(&c, s, buf_sv(&s->frame.text));
	if (sv_chr(buf_sv(&s->frame.text), ' ') == s->frame.text.n)
		c.tag = SV("*"); /* what has no end may not be all of it */
	imap_bad(&c, "[LIMIT] The command is too long.");
	imap_command_finish(&c);
}

/* The text up to where the literal's header begins. */
static struct sv
before_literal(struct sv text)
{
	size_t n = sv_rchr(text, '{');

	if (n > 0 && text.p[n - 1] == '~')
		n--;
	return sv_first(text, n);
}

static enum imap_literal_use
literal_use(struct imap_cmd *c, const struct imap_literal *lit)
{
	struct imap_session *s = c->s;
	enum imap_literal_use use = IMAP_LITERAL_TEXT;

	if (s->mode == IMAP_MODE_APPEND)
		imap_append_cmd(s, before_literal(buf_sv(&s->frame.text)), c);
	else if (!begin(c, s, before_literal(buf_sv(&s->frame.text))))
		return IMAP_LITERAL_REFUSED;
	if (c->verb->literal != NULL)
		use = c->verb->literal(c, lit);
	if (use != IMAP_LITERAL_TEXT)
		return use;
	if (lit->binary) {
		imap_bad(c, "A binary literal is not allowed here.");
		return IMAP_LITERAL_REFUSED;
	}
	if (!imap_frame_literal_accept(&s->frame, lit)) {
		imap_bad(c, "[LIMIT] The literal is too long.");
		return IMAP_LITERAL_REFUSED;
	}
	return IMAP_LITERAL_TEXT;
}

void
imap_command_literal(struct imap_session *s, const struct imap_literal *lit)
{
	struct imap_cmd c = {.s = s};

	switch (literal_use(&c, lit)) {
	case IMAP_LITERAL_STREAM:
		imap_frame_literal_stream(&s->frame);
		break;
	case IMAP_LITERAL_TEXT:
		break;
	case IMAP_LITERAL_REFUSED:
		imap_append_drop(s);
		imap_command_finish(&c);
		/* Reading gigabytes to throw them away helps nobody
		 * [RFC 7888 4]. */
		if (lit->nonsync && lit->size > 2 * s->lim.append)
			imap_bye(s, "[TOOBIG] The literal is too long.");
		imap_frame_literal_skip(&s->frame, lit);
		return;
	}
	if (lit->nonsync)
		return;
	stream_puts(s->st, "+ OK, go on.\r\n");
}
