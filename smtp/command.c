#include "smtp/command.h"

#include "base/ascii.h"

#define GREETED (SMTP_ST_READY | SMTP_ST_MAIL | SMTP_ST_RCPT)

const struct smtp_command smtp_commands[] = {
    {SMTP_AUTH, "AUTH", SMTP_ST_READY, SMTP_LAST | SMTP_SECRET},
    /* Never out of order by the table: its bytes must be read first. */
    {SMTP_BDAT, "BDAT", SMTP_ST_ANY, 0},
    {SMTP_DATA, "DATA", SMTP_ST_RCPT, SMTP_NEEDS_AUTH | SMTP_LAST},
    {SMTP_EHLO, "EHLO", SMTP_ST_START | GREETED, SMTP_LAST | SMTP_IDLE},
    {SMTP_EXPN, "EXPN", SMTP_ST_ANY, SMTP_LAST | SMTP_IDLE},
    {SMTP_HELO, "HELO", SMTP_ST_START | GREETED, SMTP_LAST | SMTP_IDLE},
    {SMTP_HELP, "HELP", SMTP_ST_ANY, SMTP_IDLE},
    {SMTP_MAIL, "MAIL", SMTP_ST_READY, SMTP_NEEDS_AUTH | SMTP_IDLE},
    {SMTP_NOOP, "NOOP", SMTP_ST_ANY, SMTP_LAST | SMTP_IDLE},
    {SMTP_QUIT, "QUIT", SMTP_ST_ANY, SMTP_LAST},
    {SMTP_RCPT, "RCPT", SMTP_ST_MAIL | SMTP_ST_RCPT, SMTP_NEEDS_AUTH},
    {SMTP_RSET, "RSET", SMTP_ST_ANY, SMTP_IDLE},
    {SMTP_STARTTLS, "STARTTLS", SMTP_ST_START | SMTP_ST_READY, SMTP_LAST},
    {SMTP_VRFY, "VRFY", SMTP_ST_ANY, SMTP_LAST | SMTP_IDLE},
};

const size_t smtp_ncommands = sizeof smtp_commands / sizeof smtp_commands[0];

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void
skip_blanks(struct sv *s)
{
	while (s->n > 0 && is_blank(s->p[0]))
		*s = sv_skip(*s, 1);
}

/* Up to a blank; the blanks behind it go, too. */
static struct sv
take_word(struct sv *s)
{
	struct sv all = *s;
	size_t n = 0;

	while (n < all.n && !is_blank(all.p[n]))
		n++;
	*s = sv_skip(all, n);
	skip_blanks(s);
	return sv_first(all, n);
}

const struct smtp_command *
smtp_command_find(struct sv line, struct sv *args)
{
	struct sv rest = line, verb = take_word(&rest);
	size_t i;

	for (i = 0; i < smtp_ncommands; i++)
		if (sv_ieq(verb, sv_str(smtp_commands[i].name))) {
			*args = rest;
			return &smtp_commands[i];
		}
	return NULL;
}

/*
 * esmtp-param = esmtp-keyword ["=" esmtp-value]
 * esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
 * esmtp-value = 1*(%d33-60 / %d62-126)
 */
static bool
take_param(struct sv *s, struct sv *key, struct sv *value)
{
	struct sv word;
	size_t i, eq;

	if (s->n == 0)
		return false;
	word = take_word(s);
	eq = sv_chr(word, '=');
	*key = sv_first(word, eq);
	*value = eq < word.n ? sv_skip(word, eq + 1) : SV("");
	if (key->n == 0 || (eq < word.n && value->n == 0))
		return false;
	for (i = 0; i < key->n; i++)
		if (!ascii_is_alnum(key->p[i]) && (i == 0 || key->p[i] != '-'))
			return false;
	for (i = 0; i < value->n; i++)
		if (!ascii_is_graph(value->p[i]) || value->p[i] == '=')
			return false;
	return true;
}

static enum smtp_arg_error
mail_param(struct sv key, struct sv value, struct smtp_mail *m)
{
	if (sv_ieq(key, SV("SIZE"))) {
		/* [RFC 1870 6] size-value ::= 1*20DIGIT */
		if (value.n > 20)
			return SMTP_ARG_SYNTAX;
		if (sv_to_u64(value, UINT64_MAX, &m->size) != RC_OK)
			return SMTP_ARG_SYNTAX;
		m->has_size = true;
		return SMTP_ARG_OK;
	}
	if (sv_ieq(key, SV("BODY"))) {
		m->eight_bit = sv_ieq(value, SV("8BITMIME"));
		m->binary = false;
		if (m->eight_bit || sv_ieq(value, SV("7BIT")))
			return SMTP_ARG_OK;
		return SMTP_ARG_PARAM;
	}
	/* [RFC 4954 5] who has written it, if the client wants to say so; we
	 * know it from AUTH and do not pass it on. */
	if (sv_ieq(key, SV("AUTH")) && value.n > 0)
		return SMTP_ARG_OK;
	return SMTP_ARG_PARAM;
}

/* "FROM:" or "TO:", with the blanks around it that many clients send. */
static enum smtp_arg_error
path_arg(
    struct sv *args, struct sv keyword, bool null_ok, struct mail_path *out)
{
	const struct mail_path_limits lim = MAIL_PATH_LIMITS;

	if (!sv_istarts(*args, keyword))
		return SMTP_ARG_SYNTAX;
	*args = sv_skip(*args, keyword.n);
	skip_blanks(args);
	if (args->n == 0 || args->p[0] != ':')
		return SMTP_ARG_SYNTAX;
	*args = sv_skip(*args, 1);
	skip_blanks(args);
	switch (mail_path_parse(args, &lim, null_ok, out)) {
	case RC_OK:
		break;
	case RC_TOOBIG:
		return SMTP_ARG_LONG;
	case RC_NOSUPPORT:
		return SMTP_ARG_INTERNATIONAL;
	default:
		return SMTP_ARG_ADDRESS;
	}
	if (args->n > 0 && !is_blank(args->p[0]))
		return SMTP_ARG_SYNTAX;
	skip_blanks(args);
	return SMTP_ARG_OK;
}

enum smtp_arg_error
smtp_mail_parse(struct sv args, struct smtp_mail *out)
{
	struct smtp_mail m = {.has_size = false};
	struct sv key, value;
	enum smtp_arg_error e = path_arg(&args, SV("FROM"), true, &m.path);

	while (e == SMTP_ARG_OK && args.n > 0) {
		if (!take_param(&args, &key, &value))
			return SMTP_ARG_SYNTAX;
		e = mail_param(key, value, &m);
	}
	if (e == SMTP_ARG_OK)
		*out = m;
	return e;
}

enum smtp_arg_error
smtp_rcpt_parse(struct sv args, struct mail_path *out)
{
	struct sv key, value;
	enum smtp_arg_error e = path_arg(&args, SV("TO"), false, out);

	if (e != SMTP_ARG_OK || args.n == 0)
		return e;
	return take_param(&args, &key, &value) ? SMTP_ARG_PARAM
					       : SMTP_ARG_SYNTAX;
}

enum smtp_arg_error
smtp_bdat_parse(struct sv args, uint64_t *size, bool *last)
{
	struct sv word = take_word(&args);

	*last = false;
	if (sv_to_u64(word, INT64_MAX, size) != RC_OK)
		return SMTP_ARG_SYNTAX;
	word = take_word(&args);
	*last = sv_ieq(word, SV("LAST"));
	return args.n == 0 && (word.n == 0 || *last) ? SMTP_ARG_OK
						     : SMTP_ARG_PARAM;
}

bool
smtp_helo_valid(struct sv args)
{
	size_t i;

	for (i = 0; i < args.n; i++)
		if (ascii_is_ctl(args.p[i]) && args.p[i] != '\t')
			return false;
	return args.n > 0;
}
