"""The JSON that clients send and get, one contract a file: ``own`` is this project's.

Every other file has the requests, answers and routes of one project whose clients may use this
server as it is, with a link to where that project defines them.
"""
