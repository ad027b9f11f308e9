"""What the search would have done next: jobs whose trials a searcher proposes one by one."""
