select a+-b, a--b
, a/*x*/-b, a@/*c*/b, a<--c
b