#include "mail/trace.h"

#include "mail/field.h"

#define RESENT_MAX 2

/* The next word; comments are words like others. */
static struct sv
next_word(struct sv *rest)
{
	size_t i = 0, n;

	while (i < rest->n && sv_chr(SV(" \t\r\n;"), rest->p[i]) < 5)
		i++;
	*rest = sv_skip(*rest, i);
	for (n = 0; n < rest->n && sv_chr(SV(" \t\r\n;"), rest->p[n]) == 5; n++)
		;
	*rest = sv_skip(*rest, n);
	return sv_of(rest->p - n, n);
}

static bool
is_angled(struct sv word, struct sv address)
{
	return word.n == address.n + 2 && word.p[0] == '<' &&
	       word.p[word.n - 1] == '>' &&
	       sv_ieq(sv_of(word.p + 1, address.n), address);
}

static bool
is_by_and_for(struct sv value, struct sv host, struct sv address)
{
	bool by = false, target = false;
	struct sv word, next = next_word(&value);

	while (next.n > 0) {
		word = next;
		next = next_word(&value);
		if (sv_ieq(word, SV("by")) && sv_ieq(next, host))
			by = true;
		if (sv_ieq(word, SV("for")) && is_angled(next, address))
			target = true;
	}
	return by && target;
}

bool
mail_trace_was_for(struct sv header, struct sv host, struct sv address)
{
	struct mail_field f;
	bool resent = false;
	unsigned n = 0;

	while (mail_field_next(&header, &f)) {
		resent = resent || sv_istarts(f.name, SV("Resent-"));
		if (!sv_ieq(f.name, SV("Received")) ||
		    !is_by_and_for(f.value, host, address))
			continue;
		if (!resent || ++n > RESENT_MAX)
			return true;
	}
	return false;
}

/* "(NAME [ADDRESS])" off *rest */
static bool
take_peer(struct sv *rest, struct sv *name, struct sv *address)
{
	struct sv word = next_word(rest);

	*name = SV("");
	if (!sv_starts(word, SV("(")))
		return false;
	word = sv_skip(word, 1);
	if (!sv_starts(word, SV("["))) {
		*name = word;
		word = next_word(rest);
	}
	if (!sv_starts(word, SV("[")) || !sv_ends(word, SV("])")))
		return false;
	word = sv_of(word.p + 1, word.n - 3);
	*address = sv_skip(word, sv_istarts(word, SV("IPv6:")) ? 5 : 0);
	return true;
}

bool
mail_trace_peer(
    struct sv header, struct sv host, struct sv *name, struct sv *address)
{
	struct mail_field f;
	struct sv rest, by_name, by_address;

	do {
		if (!mail_field_next(&header, &f))
			return false;
	} while (!sv_ieq(f.name, SV("Received")));
	rest = f.value;
	if (!sv_ieq(next_word(&rest), SV("from")))
		return false;
	(void)next_word(&rest);
	if (!take_peer(&rest, &by_name, &by_address) ||
	    !sv_ieq(next_word(&rest), SV("by")) ||
	    !sv_ieq(next_word(&rest), host))
		return false;
	*name = by_name;
	*address = by_address;
	return true;
}
