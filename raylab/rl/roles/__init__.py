"""The roles that work in processes of their own; each is a shell: receive, delegate, return."""
