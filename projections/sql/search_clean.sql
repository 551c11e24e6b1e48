-- Puts the words of a page's messages into their index, all at once: much less work than message by message.
SELECT gin_clean_pending_list('readmodels.search_messages_v1_words')
