# Raking by R's `survey` (rake.svydesign), for test/evaluation/raking.test.ts.
#
#   Rscript scripts/goldens/raking.R > test/golden/evaluation/raking.json     random tables, some with empty cells
#   Rscript scripts/goldens/raking.R CODES.csv MARGINS.csv                    weights of given records, one a line
#
# CODES.csv: a column per margin, a row per record, categories as integers from 0.
# MARGINS.csv: columns margin (from 0), category, share.
suppressPackageStartupMessages(library(survey))

rake_weights <- function(codes, shares) {
  n <- nrow(codes)
  names(codes) <- paste0("v", seq_along(codes) - 1)
  for (v in names(codes)) codes[[v]] <- factor(codes[[v]])
  design <- svydesign(ids = ~1, weights = rep(1, n), data = codes)
  margins <- lapply(names(codes), function(v) as.formula(paste0("~", v)))
  targets <- lapply(seq_along(shares), function(d) {
    present <- as.integer(levels(codes[[d]])) + 1
    frame <- data.frame(factor(levels(codes[[d]]), levels = levels(codes[[d]])), shares[[d]][present] * n)
    names(frame) <- c(names(codes)[d], "Freq")
    frame
  })
  weights(rake(design, margins, targets, control = list(maxit = 100000, epsilon = 1e-12, verbose = FALSE)))
}

numbers <- function(x) paste0("[", paste(sprintf("%.17g", x), collapse = ","), "]")

arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) == 2) {
  codes <- read.csv(arguments[1])
  table <- read.csv(arguments[2])
  shares <- lapply(split(table, table$margin), function(rows) rows$share[order(rows$category)])
  writeLines(sprintf("%.17g", rake_weights(codes, shares)))
  quit()
}

set.seed(20261125)
sizes_of <- list(c(2, 3), c(4, 5), c(3, 2, 4), c(6, 5, 2, 3), c(7, 9), c(2, 2, 2, 2))
cases <- c()
for (sizes in sizes_of) for (zeros in c(0, 0.3)) {
  repeat {
    n <- sample(60:400, 1)
    grid <- expand.grid(lapply(sizes, function(k) 0:(k - 1)))
    chance <- rgamma(nrow(grid), 0.7) * (runif(nrow(grid)) >= zeros) # some combinations never occur
    codes <- grid[sample(nrow(grid), n, replace = TRUE, prob = chance), , drop = FALSE]
    # margins of another table with the same empty cells, so that a solution exists
    other <- rgamma(nrow(unique(codes)), 1.5)
    seen <- unique(codes)
    shares <- lapply(seq_along(sizes), function(d) {
      mass <- sapply(0:(sizes[d] - 1), function(c) sum(other[seen[[d]] == c]))
      mass / sum(other)
    })
    if (all(sapply(seq_along(sizes), function(d) length(unique(codes[[d]])) == sizes[d]))) break
  }
  rows <- apply(codes, 1, function(row) paste0("[", paste(row, collapse = ","), "]"))
  cases <- c(cases, paste0(
    '{"sizes":', numbers(sizes), ',"codes":[', paste(rows, collapse = ","), '],"shares":[',
    paste(sapply(shares, numbers), collapse = ","), '],"weights":', numbers(rake_weights(as.data.frame(codes), shares)), "}"
  ))
}
cat(paste0('{"madeBy":"scripts/goldens/raking.R, R ', getRversion(), ", survey ", packageVersion("survey"), '","cases":[\n', paste(cases, collapse = ",\n"), "\n]}\n"))
