module peergo

go 1.24
