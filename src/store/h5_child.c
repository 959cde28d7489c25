#include "store/h5_child.h"

#include <string.h>
#include <unistd.h>

#include "base/memory.h"

/* What goes through the socket, between two copies of one program. */
struct request {
    enum ls_h5_question question;
    struct ls_shape shape;
    size_t object_bytes, attribute_bytes; /* with their NUL, which follow; 0: none */
};
struct reply {
    ls_status status;
    bool found;
    int64_t value;
    double number;
    size_t bytes; /* which follow: the values, or the message of a failure */
};

/* -- the child's side */

struct service {
    int socket;
    struct ls_h5 *h5;
    struct ls_text texts;
    float *floats;
    double *doubles;
};

static bool answer(int socket, struct reply reply, const void *bytes)
{
    if (reply.status != LS_OK) {
        bytes = ls_message();
        reply.bytes = strlen(bytes) + 1;
    }
    return ls_child_send(socket, &reply, sizeof reply) && ls_child_send(socket, bytes, reply.bytes);
}

/* The strings of an attribute, or the names in a group. */
static bool answer_texts(struct service *service, const char *object, const char *attribute)
{
    struct ls_texts texts = {0};
    struct reply reply = {0};
    reply.status = attribute ? ls_h5_add_texts(service->h5, object, attribute, &texts, &reply.found)
                             : ls_h5_list(service->h5, object, &texts);
    for (size_t i = 0; i < texts.count; i++)
        ls_text_append_bytes(&service->texts, texts.text[i], strlen(texts.text[i]) + 1);
    if (reply.status == LS_OK)
        reply.status = ls_text_status(&service->texts);
    reply.bytes = service->texts.length;
    bool sent = answer(service->socket, reply, service->texts.data);
    ls_texts_release(&texts);
    ls_text_release(&service->texts);
    return sent;
}

static bool answer_floats(struct service *service, const char *object, const struct ls_shape *shape)
{
    struct reply reply = {0};
    reply.bytes = (size_t)ls_shape_count(shape) * sizeof(float); /* the parent has as many */
    ls_child_allow(reply.bytes);
    reply.status = ls_allocate(&service->floats, reply.bytes, 1);
    if (reply.status == LS_OK)
        reply.status = ls_h5_read_floats(service->h5, object, service->floats, shape);
    bool sent = answer(service->socket, reply, service->floats);
    ls_release(service->floats);
    return sent;
}

static bool answer_doubles(struct service *service, const char *object)
{
    struct reply reply = {0};
    reply.status = ls_h5_read_doubles(service->h5, object, &service->doubles, &reply.bytes);
    reply.bytes *= sizeof(double);
    bool sent = answer(service->socket, reply, service->doubles);
    ls_release(service->doubles);
    return sent;
}

static bool answer_request(struct service *service, const struct request *request,
                           const char *object, const char *attribute)
{
    struct reply reply = {0};
    int rank = 0;
    switch (request->question) {
    case LS_H5_TEXTS:
    case LS_H5_LIST:
        return answer_texts(service, object, attribute);
    case LS_H5_FLOATS:
        return answer_floats(service, object, &request->shape);
    case LS_H5_DOUBLES:
        return answer_doubles(service, object);
    case LS_H5_INT:
        reply.status = ls_h5_read_int(service->h5, object, attribute, &reply.value, &reply.found);
        return answer(service->socket, reply, NULL);
    case LS_H5_FIND:
        reply.status = ls_h5_find(service->h5, object, &reply.found);
        return answer(service->socket, reply, NULL);
    case LS_H5_RANK:
        reply.status = ls_h5_read_rank(service->h5, object, &rank);
        reply.value = rank;
        return answer(service->socket, reply, NULL);
    case LS_H5_NUMBER:
        reply.status = ls_h5_read_number(service->h5, object, &reply.number);
        return answer(service->socket, reply, NULL);
    }
    return false;
}

/* *text NULL where there is none; *whole false when the parent is no more. */
static ls_status receive_text(int socket, char **text, size_t bytes, bool *whole)
{
    *text = NULL;
    if (bytes == 0)
        return LS_OK;
    LS_TRY(ls_allocate(text, bytes, 1));
    *whole = *whole && ls_child_receive(socket, *text, bytes);
    return LS_OK;
}

/* False when there is nothing more to be done. */
static bool serve_one(struct service *service)
{
    struct request request;
    char *object, *attribute = NULL;
    bool whole = ls_child_receive(service->socket, &request, sizeof request);
    if (!whole)
        return false;
    struct reply failed = {0};
    failed.status = receive_text(service->socket, &object, request.object_bytes, &whole);
    if (failed.status == LS_OK)
        failed.status = receive_text(service->socket, &attribute, request.attribute_bytes, &whole);
    if (failed.status != LS_OK)
        answer(service->socket, failed, NULL); /* and no more: the rest of the request is unread */
    whole = whole && failed.status == LS_OK && answer_request(service, &request, object, attribute);
    ls_release(object);
    ls_release(attribute);
    return whole;
}

static void serve(int socket, void *context)
{
    struct ls_h5 *h5 = context;
    struct reply opened = {0};
    struct service service = {.socket = socket, .h5 = h5};
    h5->child = (struct ls_child){0}; /* this is it */
    opened.status = ls_h5_open_here(h5);
    ls_child_seal();
    if (!answer(socket, opened, NULL) || opened.status != LS_OK)
        return;
    while (serve_one(&service))
        ;
}

/* -- the parent's side */

/* A child that was damaged by the file may say anything: what it sends is checked. */
static ls_status receive_reply(const struct ls_h5 *h5, struct reply *reply, size_t bytes_max)
{
    char message[1024];
    int socket = h5->child.socket;
    if (!ls_child_receive(socket, reply, sizeof *reply))
        return ls_child_died(h5->path);
    if (reply->status == LS_OK)
        return reply->bytes <= bytes_max ? LS_OK : ls_child_died(h5->path);
    if (reply->bytes > sizeof message || !ls_child_receive(socket, message, reply->bytes))
        return ls_child_died(h5->path);
    message[sizeof message - 1] = '\0';
    switch (reply->status) {
    case LS_FAILED:
    case LS_NO_INPUT:
        return ls_fail(reply->status, "%s", message);
    default:
        return ls_fail(LS_BAD_INPUT, "%s", message);
    }
}

ls_status ls_h5_child_open(struct ls_h5 *h5)
{
    const struct ls_child_work work = {serve, h5, h5->path, h5->bytes};
    struct reply reply;
    LS_TRY(ls_child_start(&h5->child, &work));
    return receive_reply(h5, &reply, 0);
}

static bool send_request(int socket, const struct ls_h5_ask *ask)
{
    struct request request;
    memset(&request, 0, sizeof request);
    request.question = ask->question;
    request.object_bytes = strlen(ask->object) + 1;
    request.attribute_bytes = ask->attribute ? strlen(ask->attribute) + 1 : 0;
    if (ask->shape)
        request.shape = *ask->shape;
    return ls_child_send(socket, &request, sizeof request) &&
           ls_child_send(socket, ask->object, request.object_bytes) &&
           ls_child_send(socket, ask->attribute, request.attribute_bytes);
}

/* The bytes of an answer. Texts end with a NUL, whatever the child says. */
static ls_status receive_bytes(const struct ls_h5 *h5, const struct ls_h5_ask *ask,
                               struct ls_h5_answer *answer)
{
    char *bytes = NULL;
    if (ask->into)
        return ls_child_receive(h5->child.socket, ask->into, answer->count)
                   ? LS_OK
                   : ls_child_died(h5->path);
    LS_TRY(ls_allocate(&bytes, answer->count + 1, 1));
    if (ls_child_receive(h5->child.socket, bytes, answer->count)) {
        answer->bytes = bytes;
        return LS_OK;
    }
    ls_release(bytes);
    return ls_child_died(h5->path);
}

ls_status ls_h5_child_ask(const struct ls_h5 *h5, const struct ls_h5_ask *ask,
                          struct ls_h5_answer *answer)
{
    /* Every text and every number has its bytes in the file; a compressed column of a table has
     * at most as many rows as the file bytes. */
    size_t most = ask->shape ? (size_t)ls_shape_count(ask->shape) * sizeof(float)
                             : h5->bytes * sizeof(double);
    struct reply reply;
    *answer = (struct ls_h5_answer){0};
    if (!send_request(h5->child.socket, ask))
        return ls_child_died(h5->path);
    LS_TRY(receive_reply(h5, &reply, most));
    if (ask->shape && reply.bytes != most)
        return ls_child_died(h5->path);
    answer->found = reply.found;
    answer->value = reply.value;
    answer->number = reply.number;
    answer->count = reply.bytes;
    return reply.bytes > 0 ? receive_bytes(h5, ask, answer) : LS_OK;
}
