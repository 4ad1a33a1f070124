/*
 * Every bound of the IMAP code in one struct, given to the constructors, so
 * that what one peer can make us hold can be added up: about `command` bytes
 * of text, for each of `elements` at most 100 bytes of parsed form, and eight
 * bytes for each of `saved` as long as its mailbox is selected.
 */
#ifndef IMAP_PARSE_LIMITS_H
#define IMAP_PARSE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct imap_limits {
	size_t line;	   /* a command without the bytes of its literals */
	size_t literal;	   /* one literal that is not a message */
	size_t command;	   /* a command with its literals */
	unsigned depth;	   /* of parentheses, NOT and OR in a search */
	unsigned elements; /* flags, ranges, fetch items, search keys */
	unsigned patterns; /* in one LIST: each is compared with each name */
	size_t saved;	   /* ranges in "$", the saved result of a search */
	uint64_t append;   /* a message: APPENDLIMIT [RFC 7889] */
	unsigned bad;	   /* BAD replies in a row until the BYE */
	int64_t idle_ms;   /* silence until the BYE [RFC 3501 5.4] */
};

#define IMAP_LIMITS_DEFAULT                      \
	((struct imap_limits){.line = 64 * 1024, \
	    .literal = 64 * 1024,                \
	    .command = 256 * 1024,               \
	    .depth = 32,                         \
	    .elements = 16 * 1024,               \
	    .patterns = 100,                     \
	    .saved = 64 * 1024,                  \
	    .append = 64 << 20,                  \
	    .bad = 20,                           \
	    .idle_ms = 30 * 60 * 1000})

#endif
