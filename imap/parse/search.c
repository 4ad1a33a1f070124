#include "imap/parse/search.h"

#include "base/ascii.h"

enum arg {
	ARG_NONE,
	ARG_FLAG,     /* row's number is the bit */
	ARG_NOT_FLAG, /* likewise, negated */
	ARG_STRING,
	ARG_KEYWORD,
	ARG_NOT_KEYWORD,
	ARG_NUMBER,
	ARG_DATE,
	ARG_SET,
	ARG_HEADER,
	ARG_MODSEQ,
	ARG_OBJECTID,
	ARG_KEY,
	ARG_TWO_KEYS
};

#define NAME(lit)                    \
	{                            \
		lit, sizeof(lit) - 1 \
	}

static const struct search_word {
	struct sv name;
	enum imap_search_type type;
	enum arg arg;
	uint32_t number;
} words[] = {
    {NAME("ALL"), IMAP_SEARCH_ALL, ARG_NONE, 0},
    {NAME("ANSWERED"), IMAP_SEARCH_FLAG, ARG_FLAG, IMAP_ANSWERED},
    {NAME("BCC"), IMAP_SEARCH_BCC, ARG_STRING, 0},
    {NAME("BEFORE"), IMAP_SEARCH_BEFORE, ARG_DATE, 0},
    {NAME("BODY"), IMAP_SEARCH_BODY, ARG_STRING, 0},
    {NAME("CC"), IMAP_SEARCH_CC, ARG_STRING, 0},
    {NAME("DELETED"), IMAP_SEARCH_FLAG, ARG_FLAG, IMAP_DELETED},
    {NAME("DRAFT"), IMAP_SEARCH_FLAG, ARG_FLAG, IMAP_DRAFT},
    {NAME("EMAILID"), IMAP_SEARCH_EMAILID, ARG_OBJECTID, 0},
    {NAME("FLAGGED"), IMAP_SEARCH_FLAG, ARG_FLAG, IMAP_FLAGGED},
    {NAME("FROM"), IMAP_SEARCH_FROM, ARG_STRING, 0},
    {NAME("HEADER"), IMAP_SEARCH_HEADER, ARG_HEADER, 0},
    {NAME("KEYWORD"), IMAP_SEARCH_KEYWORD, ARG_KEYWORD, 0},
    {NAME("LARGER"), IMAP_SEARCH_LARGER, ARG_NUMBER, 0},
    {NAME("MODSEQ"), IMAP_SEARCH_MODSEQ, ARG_MODSEQ, 0},
    {NAME("NEW"), IMAP_SEARCH_NONE, ARG_NONE, 0},
    {NAME("NOT"), IMAP_SEARCH_NOT, ARG_KEY, 0},
    {NAME("OLD"), IMAP_SEARCH_ALL, ARG_NONE, 0},
    {NAME("ON"), IMAP_SEARCH_ON, ARG_DATE, 0},
    {NAME("OR"), IMAP_SEARCH_OR, ARG_TWO_KEYS, 0},
    {NAME("RECENT"), IMAP_SEARCH_NONE, ARG_NONE, 0},
    {NAME("SAVEDATESUPPORTED"), IMAP_SEARCH_ALL, ARG_NONE, 0},
    {NAME("SAVEDBEFORE"), IMAP_SEARCH_SAVEDBEFORE, ARG_DATE, 0},
    {NAME("SAVEDON"), IMAP_SEARCH_SAVEDON, ARG_DATE, 0},
    {NAME("SAVEDSINCE"), IMAP_SEARCH_SAVEDSINCE, ARG_DATE, 0},
    {NAME("SEEN"), IMAP_SEARCH_FLAG, ARG_FLAG, IMAP_SEEN},
    {NAME("SENTBEFORE"), IMAP_SEARCH_SENTBEFORE, ARG_DATE, 0},
    {NAME("SENTON"), IMAP_SEARCH_SENTON, ARG_DATE, 0},
    {NAME("SENTSINCE"), IMAP_SEARCH_SENTSINCE, ARG_DATE, 0},
    {NAME("SINCE"), IMAP_SEARCH_SINCE, ARG_DATE, 0},
    {NAME("SMALLER"), IMAP_SEARCH_SMALLER, ARG_NUMBER, 0},
    {NAME("SUBJECT"), IMAP_SEARCH_SUBJECT, ARG_STRING, 0},
    {NAME("TEXT"), IMAP_SEARCH_TEXT, ARG_STRING, 0},
    {NAME("THREADID"), IMAP_SEARCH_THREADID, ARG_OBJECTID, 0},
    {NAME("TO"), IMAP_SEARCH_TO, ARG_STRING, 0},
    {NAME("UID"), IMAP_SEARCH_UID, ARG_SET, 0},
    {NAME("UNANSWERED"), IMAP_SEARCH_FLAG, ARG_NOT_FLAG, IMAP_ANSWERED},
    {NAME("UNDELETED"), IMAP_SEARCH_FLAG, ARG_NOT_FLAG, IMAP_DELETED},
    {NAME("UNDRAFT"), IMAP_SEARCH_FLAG, ARG_NOT_FLAG, IMAP_DRAFT},
    {NAME("UNFLAGGED"), IMAP_SEARCH_FLAG, ARG_NOT_FLAG, IMAP_FLAGGED},
    {NAME("UNKEYWORD"), IMAP_SEARCH_KEYWORD, ARG_NOT_KEYWORD, 0},
    {NAME("UNSEEN"), IMAP_SEARCH_FLAG, ARG_NOT_FLAG, IMAP_SEEN},
};

static struct imap_search_key *
key_new(struct imap_in *in, enum imap_search_type type)
{
	struct imap_search_key *k = arena_alloc(in->arena, sizeof *k);

	k->type = type;
	return k;
}

static struct imap_search_key *
negated(struct imap_in *in, struct imap_search_key *k)
{
	struct imap_search_key *n = key_new(in, IMAP_SEARCH_NOT);

	n->child = k;
	return n;
}

static int
sp_key(struct imap_in *in, struct imap_search_key **out)
{
	int r = imap_sp(in);

	return r == RC_OK ? imap_search_key(in, out) : r;
}

/*
 * search-modsequence = "MODSEQ" [search-modseq-ext] SP mod-sequence-valzer
 * search-modseq-ext  = SP entry-name SP entry-type-req
 * entry-name         = DQUOTE "/flags/" attr-flag DQUOTE
 * entry-type-req     = "priv" / "shared" / "all"
 * behind the first space.  A message has one MODSEQ for all its flags: which
 * of them is asked for is read and forgotten [RFC 7162 3.1.5].
 */
static int
modseq(struct imap_in *in, uint64_t *out)
{
	struct sv entry;
	int r;

	if (imap_peek(in) != '"')
		return imap_modseq(in, out);
	r = imap_string(in, &entry);
	if (r == RC_OK && (!sv_istarts(entry, SV("/flags/")) || entry.n < 8))
		r = imap_expected(in, "\"/flags/...\"");
	if (r == RC_OK)
		r = imap_sp(in);
	if (r == RC_OK && !imap_take_word(in, SV("priv")) &&
	    !imap_take_word(in, SV("shared")) && !imap_take_word(in, SV("all")))
		r = imap_expected(in, "priv, shared or all");
	if (r == RC_OK)
		r = imap_sp(in);
	return r == RC_OK ? imap_modseq(in, out) : r;
}

/* The argument of a word, behind the space that must be there. */
static int
argument(struct imap_in *in, enum arg arg, struct imap_search_key *k)
{
	int r = imap_sp(in);

	if (r != RC_OK)
		return r;
	switch (arg) {
	case ARG_NONE:
	case ARG_FLAG:
	case ARG_NOT_FLAG:
		return RC_OK;
	case ARG_STRING:
		return imap_astring(in, &k->text);
	case ARG_KEYWORD:
	case ARG_NOT_KEYWORD:
		return imap_atom(in, &k->text);
	case ARG_NUMBER:
		return imap_number64(in, &k->number);
	case ARG_DATE:
		return imap_date(in, &k->days);
	case ARG_SET:
		return imap_sequence_set(in, &k->set);
	case ARG_HEADER:
		r = imap_astring(in, &k->field);
		if (r == RC_OK)
			r = imap_sp(in);
		return r == RC_OK ? imap_astring(in, &k->text) : r;
	case ARG_MODSEQ:
		return modseq(in, &k->number);
	case ARG_OBJECTID:
		return imap_objectid(in, &k->text);
	case ARG_KEY:
		return imap_search_key(in, &k->child);
	case ARG_TWO_KEYS:
		r = imap_search_key(in, &k->child);
		return r == RC_OK ? sp_key(in, &k->child->next) : r;
	}
	return RC_OK;
}

static int
word_key(struct imap_in *in, struct imap_search_key **out)
{
	const size_t n = sizeof words / sizeof words[0];
	struct imap_search_key *k;
	struct sv name;
	size_t i = 0;
	int r = RC_OK;

	if (imap_atom(in, &name) != RC_OK)
		return imap_expected(in, "a search key");
	while (i < n && !sv_ieq(name, words[i].name))
		i++;
	if (i == n)
		return imap_expected(in, "a known search key");
	k = key_new(in, words[i].type);
	k->number = words[i].number;
	if (words[i].arg > ARG_NOT_FLAG)
		r = argument(in, words[i].arg, k);
	if (r != RC_OK)
		return r;
	if (words[i].arg == ARG_NOT_FLAG || words[i].arg == ARG_NOT_KEYWORD)
		k = negated(in, k);
	*out = k;
	return RC_OK;
}

/* search-key *(SP search-key), as an AND */
static int
key_list(struct imap_in *in, struct imap_search_key **out)
{
	struct imap_search_key *k = key_new(in, IMAP_SEARCH_AND);
	struct imap_search_key **end = &k->child;

	do {
		int r = imap_search_key(in, end);

		if (r != RC_OK)
			return r;
		end = &(*end)->next;
	} while (imap_take(in, ' '));
	*out = k;
	return RC_OK;
}

/*
 * search-key = "ALL" / ... / sequence-set /
 *              "(" search-key *(SP search-key) ")"
 */
int
imap_search_key(struct imap_in *in, struct imap_search_key **out)
{
	int r = imap_element(in);
	char c = imap_peek(in);

	if (r != RC_OK)
		return r;
	if (in->depth >= in->lim->depth)
		return RC_TOOBIG;
	in->depth++;
	if (imap_take(in, '(')) {
		r = key_list(in, out);
		if (r == RC_OK)
			r = imap_ch(in, ')');
	} else if (ascii_is_digit(c) || c == '*' || c == '$') {
		struct imap_search_key *k = key_new(in, IMAP_SEARCH_SEQ);

		r = imap_sequence_set(in, &k->set);
		if (r == RC_OK)
			*out = k;
	} else {
		r = word_key(in, out);
	}
	in->depth--;
	return r;
}

/*
 * search-return-opts = SP "RETURN" SP "(" [search-return-opt
 *                      *(SP search-return-opt)] ")"  [RFC 4466 2.6]
 */
static int
return_opts(struct imap_in *in, unsigned *out)
{
	static const struct sv name[] = {
	    NAME("MIN"), NAME("MAX"), NAME("ALL"), NAME("COUNT"), NAME("SAVE")};
	int r = imap_ch(in, '(');

	*out = 0;
	if (r != RC_OK)
		return r;
	if (imap_take(in, ')')) {
		*out = IMAP_RETURN_ALL;
		return RC_OK;
	}
	do {
		unsigned i = 0;

		while (i < 5 && !imap_take_word(in, name[i]))
			i++;
		if (i == 5)
			return imap_expected(
			    in, "MIN, MAX, ALL, COUNT or SAVE");
		*out |= 1u << i;
	} while (imap_take(in, ' '));
	return imap_ch(in, ')');
}

/* What the response has to know of the keys.  No deeper than they were
 * parsed. */
static void
survey(const struct imap_search_key *k, struct imap_search *out)
{
	for (; k != NULL; k = k->next) {
		if (k->type == IMAP_SEARCH_MODSEQ)
			out->modseq = true;
		if (k->type == IMAP_SEARCH_SEQ && !k->set.saved)
			out->seqnos = true;
		survey(k->child, out);
	}
}

/*
 * search = "SEARCH" [search-return-opts] [SP "CHARSET" SP astring]
 *          1*(SP search-key)
 */
int
imap_search_program(struct imap_in *in, struct imap_search *out)
{
	int r = RC_OK;

	*out = (struct imap_search){
	    .charset = {NULL, 0}, .result = IMAP_RETURN_ALL};
	if (imap_take_word(in, SV("RETURN"))) {
		out->esearch = true;
		r = imap_sp(in);
		if (r == RC_OK)
			r = return_opts(in, &out->result);
		if (r == RC_OK)
			r = imap_sp(in);
		if (r != RC_OK)
			return r;
	}
	if (imap_take_word(in, SV("CHARSET"))) {
		r = imap_sp(in);
		if (r == RC_OK)
			r = imap_astring(in, &out->charset);
		if (r == RC_OK)
			r = imap_sp(in);
		if (r != RC_OK)
			return r;
	}
	r = key_list(in, &out->key);
	if (r != RC_OK)
		return r;
	survey(out->key, out);
	return imap_end(in);
}
