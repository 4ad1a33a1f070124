#include "queue/mx/reply.h"

#include "base/ascii.h"

void
reply_init(struct reply *r)
{
	r->code = 0;
	buf_init(&r->text, REPLY_TEXT_MAX);
}

void
reply_fini(struct reply *r)
{
	buf_fini(&r->text);
}

/* The line in front, without its end; false: there is no end. */
static bool
take_line(struct sv *in, struct sv *line)
{
	size_t n = sv_chr(*in, '\n');

	if (n == in->n)
		return false;
	*line = sv_first(*in, n);
	if (n > 0 && in->p[n - 1] == '\r')
		line->n--;
	*in = sv_skip(*in, n + 1);
	return true;
}

static bool
parse_code(struct sv line, unsigned *code, bool *last)
{
	if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5' ||
	    !ascii_is_digit(line.p[1]) || !ascii_is_digit(line.p[2]) ||
	    (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-'))
		return false;
	*code = (unsigned)(line.p[0] - '0') * 100 +
		(unsigned)(line.p[1] - '0') * 10 + (unsigned)(line.p[2] - '0');
	*last = line.n == 3 || line.p[3] == ' ';
	return true;
}

/* What does not fit any more is left out. */
static void
keep_text(struct reply *out, struct sv text, bool first)
{
	size_t room = REPLY_TEXT_MAX - out->text.n;

	if (!first && room > 0) {
		buf_addc(&out->text, '\n');
		room--;
	}
	buf_addsv(&out->text, sv_first(text, room));
}

int
reply_parse(struct sv *in, struct reply *out)
{
	struct sv rest = *in, line;
	unsigned n = 0, code;
	bool last = false;

	buf_reset(&out->text);
	out->code = 0;
	while (!last) {
		if (!take_line(&rest, &line))
			return rest.n > REPLY_LINE_MAX ? RC_TOOBIG : RC_MORE;
		if (line.n > REPLY_LINE_MAX || ++n > REPLY_LINES_MAX)
			return RC_TOOBIG;
		if (!parse_code(line, &code, &last)) {
			/* A line of text within a reply is text. */
			if (n == 1)
				return RC_SYNTAX;
			keep_text(out, line, false);
			last = false;
			continue;
		}
		if (n > 1 && code != out->code)
			return RC_SYNTAX;
		out->code = code;
		keep_text(out, sv_skip(line, 4), n == 1);
	}
	*in = rest;
	return RC_OK;
}

static void
take_auth(struct sv words, struct reply_offers *out)
{
	while (words.n > 0) {
		struct sv w = sv_split(&words, ' ');

		out->auth_plain |= sv_ieq(w, SV("PLAIN"));
		out->auth_login |= sv_ieq(w, SV("LOGIN"));
	}
}

void
reply_offers(const struct reply *r, struct reply_offers *out)
{
	struct sv rest = buf_sv(&r->text);

	*out = (struct reply_offers){.size_max = 0};
	(void)sv_split(&rest, '\n'); /* the greeting */
	while (rest.n > 0) {
		struct sv line = sv_split(&rest, '\n');
		struct sv word = sv_split(&line, ' ');

		out->pipelining |= sv_ieq(word, SV("PIPELINING"));
		out->eight_bit |= sv_ieq(word, SV("8BITMIME"));
		out->starttls |= sv_ieq(word, SV("STARTTLS"));
		out->enhanced |= sv_ieq(word, SV("ENHANCEDSTATUSCODES"));
		if (sv_ieq(word, SV("AUTH")))
			take_auth(line, out);
		if (!sv_ieq(word, SV("SIZE")))
			continue;
		out->size = true;
		if (sv_to_u64(sv_trim(line), UINT64_MAX, &out->size_max) !=
		    RC_OK)
			out->size_max = 0;
	}
}
