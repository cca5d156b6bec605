// SPDX-License-Identifier: Apache-2.0
#include "api/base/terminal.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "topology/base/alloc.h"

/* One rule for all that is printed, at the one place where it leaves: nobody who adds a line of
 * output has to think of it. U+0080 to U+009F are C2 80 to C2 9F; a piece may end between the two.
 */

#define PIECE 4096

struct stream {
    int fd;
    struct terminal_text text;
};

static size_t put_escaped(unsigned char byte, char *out)
{
    static const char hex[] = "0123456789abcdef";
    const char escaped[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
    for (size_t i = 0; i < sizeof escaped; i++) {
        out[i] = escaped[i];
    }
    return sizeof escaped;
}

size_t terminal_escape(struct terminal_text *text, const char *bytes, size_t length, char *out)
{
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        bool held = text->held;
        text->held = false;
        if (held && byte >= 0x80 && byte <= 0x9f) {
            written += put_escaped(byte, out + written);
            continue;
        }
        if (held) {
            out[written++] = '\xc2';
        }
        if (byte == 0xc2) {
            text->held = true;
        } else if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f) {
            written += put_escaped(byte, out + written);
        } else {
            out[written++] = (char)byte;
        }
    }
    return written;
}

size_t terminal_finish(struct terminal_text *text, char *out)
{
    size_t written = text->held ? 1 : 0;
    if (text->held) {
        out[0] = '\xc2';
        text->held = false;
    }
    return written;
}

char *terminal_clean(char *text, size_t *length)
{
    struct terminal_text state = {false};
    char *clean = alloc_zero(*length + 1, TERMINAL_ESCAPED_MAX);
    size_t written = terminal_escape(&state, text, *length, clean);
    written += terminal_finish(&state, clean + written);
    clean[written] = '\0';
    free(text);
    *length = written;
    return clean;
}

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = write(fd, bytes, length);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return false;
        }
        bytes += count;
        length -= (size_t)count;
    }
    return true;
}

static ssize_t stream_write(void *cookie, const char *bytes, size_t length)
{
    struct stream *stream = cookie;
    char out[TERMINAL_ESCAPED_MAX * PIECE + 1];
    for (size_t done = 0; done < length;) {
        size_t piece = length - done < PIECE ? length - done : PIECE;
        size_t written = terminal_escape(&stream->text, bytes + done, piece, out);
        if (!write_all(stream->fd, out, written)) {
            return 0; /* what glibc takes for an error */
        }
        done += piece;
    }
    return (ssize_t)length;
}

static int stream_close(void *cookie)
{
    struct stream *stream = cookie;
    char out[1];
    bool good = write_all(stream->fd, out, terminal_finish(&stream->text, out));
    free(stream);
    return good ? 0 : EOF;
}

FILE *terminal_stream(int fd, bool buffered)
{
    struct stream *stream = alloc_zero(1, sizeof *stream);
    const cookie_io_functions_t functions = {.write = stream_write, .close = stream_close};
    stream->fd = fd;
    FILE *file = fopencookie(stream, "w", functions);
    if (file == NULL) {
        free(stream);
        return NULL;
    }
    (void)setvbuf(file, NULL, !buffered ? _IONBF : isatty(fd) ? _IOLBF : _IOFBF, BUFSIZ);
    return file;
}
