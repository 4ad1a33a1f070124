/*
 * Inside lib/sieve only: the words of a script [RFC 5228 8.1].
 *
 * Lines may end with a bare LF, too: people write scripts with editors.  In
 * strings all of them are CRLF.
 */
#ifndef SIEVE_LEX_H
#define SIEVE_LEX_H

#include "sieve/script.h"

enum sieve_token_kind {
	TOK_END,
	TOK_WORD,   /* text: an identifier */
	TOK_TAG,    /* text: without its colon */
	TOK_NUMBER, /* number */
	TOK_STRING, /* text: the value */
	TOK_MARK,   /* mark: one of ; , ( ) [ ] { } */
	TOK_BAD	    /* an error has been added */
};

struct sieve_token {
	enum sieve_token_kind kind;
	unsigned line, column;
	struct sv text;
	uint64_t number;
	char mark;
};

struct sieve_lexer {
	struct sv rest;
	unsigned line, column; /* of rest */
	struct arena *arena;   /* has the values of strings */
	struct sieve_errors *errors;
};

void sieve_lex(struct sieve_lexer *l, struct sieve_token *out);

#endif
