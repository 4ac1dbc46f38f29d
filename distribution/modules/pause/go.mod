module trellis/distribution/pause

go 1.26.0
