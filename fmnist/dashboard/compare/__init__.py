"""The Compare page: leaderboard, tabs for the selected runs, benchmark tables."""
