"""The log on its way to NATS JetStream.

It promises: every position goes out, in order, as a CloudEvent, and the JetStream sequence of an event is its
position. Nothing is remembered here: where to go on is read from the stream itself, so that a stream that lost
its tail, or all of it, is filled again from the log. JetStream distributes; the log is the record.
"""
