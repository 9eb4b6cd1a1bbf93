module env/pause

go 1.25.0
